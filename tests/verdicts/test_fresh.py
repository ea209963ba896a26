"""The process whose answers count."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.verdicts.defendant import Defendant
from benchmark.verdicts.docket import Docket, Questions
from benchmark.verdicts.fresh import VerdictError, answers, close, serving
from benchmark.verdicts.surroundings import Surroundings
from defenses.base import Defense
from defenses.none import NoDefense
from tests.verdicts.lying_defenses import Ending, Leaving, Noisy, Reading, Remembering, Silent, Talking

CPU = torch.device("cpu")
SHAPE = (1, 16, 16)


def defendant(defense: Defense) -> Defendant:
    classifier = assemble(SmallCNN(), shape=SHAPE, classes=2)
    return Defendant(
        SmallCNN(), SmallCNN().settings(), dict(classifier.state_dict()), defense, defense.settings(), {}, SHAPE, 2
    )


def here(defense: Defense) -> DefendedModel:
    return defense.defend(assemble(SmallCNN(), shape=SHAPE, classes=2).eval())


def images(count: int = 20, seed: int = 3) -> Tensor:
    return Noise.of(seed, range(count)).uniform(SHAPE)


def asked(defense: Defense, *entries: Questions, batch: int = 64) -> list[Tensor]:
    return answers(defendant(defense), Docket(list(entries)), Surroundings.of(CPU), batch=batch)


@pytest.mark.parametrize("defense", [NoDefense(), Noisy()])
def test_a_model_that_keeps_its_word_answers_the_same_in_any_process_and_batch(defense: Defense) -> None:
    x, noise = images(), Noise.of(1, range(20)).stream("verdict").at(4)
    model = here(defense)
    with frozen(model), torch.no_grad():
        decided = model.decide(x, noise)
        drawn = model.classify(model.purify(x.repeat_interleave(5, 0), noise.repeat(5))).unflatten(0, (20, 5)).mean(1)
    for batch in (64, 3):
        whole, single = asked(defense, Questions(x, noise), Questions(x, noise, draws=5), batch=batch)
        torch.testing.assert_close(whole, decided, rtol=0, atol=1e-5)
        torch.testing.assert_close(single, drawn, rtol=0, atol=1e-5)


def test_every_docket_meets_a_model_that_has_seen_nothing() -> None:
    x, noise = images(), Noise.of(1, range(20))
    near = (x + 0.03).clamp(0, 1)
    model = here(Remembering())
    with frozen(model), torch.no_grad():
        model.decide(x, noise)
        remembered = model.decide(near, noise)
        truth = here(NoDefense()).decide(near, noise)
    assert float((remembered - truth).abs().max()) > 1e-5
    asked(Remembering(), Questions(x, noise))
    (fresh,) = asked(Remembering(), Questions(near, noise))
    torch.testing.assert_close(fresh, truth, rtol=0, atol=1e-6)


def test_the_order_of_asking_says_nothing_about_the_order_of_the_images() -> None:
    x, noise = images(), Noise.of(1, range(20))
    docket = Docket([Questions(x, noise), Questions(x.flip(2), noise)])
    orders = [order.tolist() for _, order in docket.shuffled()]
    assert all(sorted(order) == list(range(20)) and order != list(range(20)) for order in orders)
    _, tensors = docket.packed()
    numbers = torch.arange(40.0)[:, None]
    asked_in = {tuple(row.flatten().tolist()): number for number, row in enumerate(tensors["pixels"])}
    for entry, told in zip(docket.entries, docket.unpacked(numbers), strict=True):
        assert [asked_in[tuple(row.flatten().tolist())] for row in entry.x] == told.flatten().tolist()


@pytest.mark.parametrize(
    ("defense", "message"),
    [(Silent(), r"\d+ of 20 images with NaN or infinity"), (Leaving(), "ended with status 7")],
)
def test_no_answer_is_an_error(defense: Defense, message: str) -> None:
    with pytest.raises(VerdictError, match=message):
        asked(defense, Questions(images(), Noise.of(1, range(20))))
    assert len(asked(NoDefense(), Questions(images(), Noise.of(1, range(20))))[0]) == 20


def test_what_a_plug_in_prints_is_no_answer() -> None:
    for _ in range(3):
        assert len(asked(Talking(), Questions(images(), Noise.of(1, range(20))))[0]) == 20


def test_a_plug_in_that_no_other_process_can_import_is_refused() -> None:
    class Local(NoDefense):
        pass

    with pytest.raises(UserError, match="inside a function"):
        asked(Local(), Questions(images(), Noise.of(1, range(20))))


def test_a_fresh_process_reads_nothing_that_was_noted_during_the_run(tmp_path: Path) -> None:
    early, late = tmp_path / "early.txt", tmp_path / "late.txt"
    early.write_text("old")
    surroundings = Surroundings.of(CPU)
    time.sleep(0.05)
    late.write_text("new")
    # Setting its date back does not make it older.
    os.utime(late, (0, 0))
    asked = Docket([Questions(images(), Noise.of(1, range(20)))])
    answers(defendant(Reading(file=str(early))), asked, surroundings, batch=64)
    for nosy in (Reading(file=str(late)), Reading(file=str(early), mode="a")):
        with pytest.raises(VerdictError, match="refused to the process that gives the verdicts"):
            answers(defendant(nosy), asked, surroundings, batch=64)


def test_what_somebody_else_wrote_to_the_server_is_taken_for_no_answer() -> None:
    questions = Questions(images(), Noise.of(1, range(20)))
    before = asked(NoDefense(), questions)[0]
    pipe = serving().process.stdin
    assert pipe is not None
    for end in serving().descriptors():
        os.set_blocking(end, False)
    # A question that nobody waits for, and the beginning of another one.
    pipe.write("/nowhere\n/half")
    pipe.flush()
    torch.testing.assert_close(asked(NoDefense(), questions)[0], before, rtol=0, atol=0)


def test_a_process_forked_from_the_run_asks_the_same_server() -> None:
    process = serving().process
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(theirs, str(serving().process.pid).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert int(os.read(ours, 64)) == process.pid


def test_a_server_that_somebody_else_has_ended_is_started_again_where_it_is_asked() -> None:
    questions = Questions(images(), Noise.of(1, range(20)))
    before = asked(NoDefense(), questions)[0]
    answered, ended = os.pipe()
    for work in (close, lambda: os.write(ended, asked(NoDefense(), questions)[0].numpy().tobytes())):
        pid = os.fork()
        if not pid:
            try:
                work()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    os.close(ended)
    assert os.read(answered, 10_000) == before.numpy().tobytes()


def test_a_model_may_not_end_the_process_that_everybody_else_is_judged_by() -> None:
    server = serving().process
    with pytest.raises(VerdictError, match=r"os\.kill is refused"):
        asked(Ending(), Questions(images(), Noise.of(1, range(20))))
    assert server.poll() is None
