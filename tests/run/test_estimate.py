"""What a run is expected to cost: questions counted by closed forms, and the time of what says how far it is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from attacks.base import Stop
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import load_plugins
from benchmark.core.remaining import Remaining
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.recipe import Recipe
from benchmark.planning.estimate.cells import estimated
from benchmark.planning.estimate.costs import Costs
from benchmark.planning.estimate.measure import Machine, trained_share
from benchmark.planning.estimate.questions import Questions, questions
from benchmark.planning.estimate.stopwatch import EnoughError, Stopwatch, whole
from benchmark.run import PreparedRun, RunRequest, prepare
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_cost import followed
from benchmark.steps.base import Step
from benchmark.steps.fit import FitStep
from benchmark.steps.train import TrainStep
from defenses.adversarial_training import AdversarialTraining
from defenses.base import Defense, FitData
from defenses.ebm import EBMPurification
from defenses.zo_ae_ds import ZOAEDS
from tests.run.tiny import TINY

CPU = torch.device("cpu")
GRID = (
    TINY.replace("[defense.jpeg]", "[defense.ebm]\nsteps = 3\nvotes = 4\n[defense.adversarial-training]")
    .replace("steps = 3\n[robustness.attack.square]", "steps = 12\n[robustness.attack.square]")
    .replace("queries = 5", "queries = 50")
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> PreparedRun:
    load_plugins()
    path = tmp_path_factory.mktemp("suite") / "grid.toml"
    path.write_text(GRID, encoding="utf-8")
    return prepare(RunRequest(str(path)))


def step(run: PreparedRun, table: str, defense: str, attack: str) -> Step:
    (found,) = [
        c.step for c in run.plan.cells if (c.table, c.defense, c.attack, c.detector) == (table, defense, attack, "none")
    ]
    assert found is not None
    return found


def gradients(asked: Questions) -> dict[str, float]:
    return {type(estimator).__name__: count for estimator, count in asked.gradients}


def test_a_clean_cell_asks_for_every_vote_of_every_repetition(run: PreparedRun) -> None:
    plain, random = (questions(step(run, "robustness", name, "clean")) for name in ("none", "ebm"))
    assert (plain.draws, plain.processes) == (40, 1)
    assert (random.draws, random.processes) == (40 * 2 * 4, 2)


def test_an_attack_that_may_end_early_is_taken_to_ask_half_its_questions(run: PreparedRun) -> None:
    early = step(run, "robustness", "none", "pgd")
    assert isinstance(early, AttackStep)
    late = replace(early, stop=Stop.NEVER)
    assert gradients(questions(early)) == {"Autograd": 40 * 12 / 2}
    assert gradients(questions(late)) == {"Autograd": 40 * 12}
    # What an attack costs at most is what it promises in the table of passes.
    assert early.passes().backwards == 40 * 12


def test_queries_of_a_voting_defense_are_draws(run: PreparedRun) -> None:
    square = {name: questions(step(run, "robustness", name, "square")) for name in ("none", "ebm")}
    images, votes, repeats = 40, 4, 2
    submitted_stored_and_alone = 2 * images + 8
    # Two kept questions of each followed image, and a step up and one down.
    assert square["none"].draws == images * 50 / 2 + submitted_stored_and_alone + images * 4
    assert square["ebm"].draws == pytest.approx(
        votes * (images * 50 / 2 + submitted_stored_and_alone + repeats * images) + images * 4 * 1
    )
    assert square["none"].processes == 7
    assert square["ebm"].processes == 7 + repeats


def test_fewer_images_of_a_dear_model_are_followed(run: PreparedRun) -> None:
    dear = EBMPurification(steps=1000)
    model = DefendedModel(nn.Identity(), purify_passes=dear.purify_passes, votes=8, randomized=True)
    assert followed(20, model.purify_passes, model.decision_passes) == 8
    assert followed(1, model.purify_passes, DefendedModel(nn.Identity()).decision_passes) == 20_000 // (4 * 1001) + 4


def test_time_is_read_from_the_pace_between_reports_so_that_a_slow_start_counts_once() -> None:
    # Two seconds to begin with and for the first tenth, then a tenth a second.
    assert whole([(2.0, 0.1), (3.0, 0.2), (5.0, 0.4)]) == pytest.approx(2 + 9)
    assert whole([(6.0, 0.25)]) == pytest.approx(24)


def test_training_that_ends_by_validation_is_not_expected_to_take_all_its_epochs() -> None:
    assert trained_share(Recipe(epochs=100, schedule="plateau", patience=5)) == 0.3
    assert trained_share(Recipe(epochs=10, schedule="plateau", patience=5)) == 1
    assert trained_share(Recipe(epochs=100, schedule="cosine")) == 1


def test_what_never_ends_is_ended_and_has_a_length(run: PreparedRun) -> None:
    class Endless(Defense):
        def fit(self, classifier: nn.Module, data: FitData) -> None:
            share = 0.0
            while True:
                share += 1e-9
                try:
                    data.report(share, "")
                except Exception:
                    # A plug-in that survives its own errors does not survive this.
                    continue

        def defend(self, classifier: nn.Module) -> DefendedModel:
            return DefendedModel(classifier)

    train = next(s for s in run.plan.steps if isinstance(s, TrainStep))
    pace = Machine(run.data, CPU, BatchSize(8)).pace(FitStep(train, "endless", Endless(), 0), [])
    assert pace is not None
    assert math.isfinite(pace.fit)
    assert pace.fit > 1


def test_a_report_of_the_end_ends_nothing() -> None:
    watch = Stopwatch()
    for share in (0.0, 0.5, 1.0):
        watch(share)
    assert issubclass(EnoughError, BaseException)
    assert not issubclass(EnoughError, Exception)


def test_what_cannot_be_measured_is_named_and_the_rest_is_estimated(run: PreparedRun) -> None:
    class Failing(Defense):
        def fit(self, classifier: nn.Module, data: FitData) -> None:
            raise ValueError("no")

        def defend(self, classifier: nn.Module) -> DefendedModel:
            return DefendedModel(classifier)

    cells = [c for c in run.plan.cells if (c.table, c.defense, c.attack) == ("robustness", "none", "pgd")]
    (cell,) = cells
    assert isinstance(cell.step, AttackStep)
    fit = replace(cell.step.clean.fit, defense=Failing(), name="failing")
    broken = replace(cell.step, clean=replace(cell.step.clean, fit=fit))
    plan = replace(run.plan, cells=[cell, replace(cell, defense="failing", step=broken)])
    seconds = Costs(plan, Machine(run.data, CPU, BatchSize(8))).by_step()
    found = estimated(plan, seconds)
    assert found.unmeasured == ["fit failing", "clean failing", "failing × pgd"]
    assert found.rows[1][-1] == "not measured"
    assert set(seconds) == {cell.step.key, cell.step.clean.key, cell.step.clean.fit.key, fit.train.key}
    assert min(seconds.values()) >= 0
    # The longest step bounds what steps side by side can save.
    some = dict.fromkeys((cell.step.key, cell.step.clean.key, fit.train.key), 10.0)
    assert [estimated(plan, some, at_once=n).total for n in (1, 2, 8)] == ["30.0 s", "15.0 s", "10.0 s"]
    # Steps of others' plug-ins run one after another, whatever is done side by side before them.
    theirs = dict.fromkeys((fit.key, broken.clean.key), 10.0)
    assert [estimated(plan, some | theirs, at_once=n).total for n in (1, 8)] == ["50.0 s", "30.0 s"]
    # A step that several cells need is paid for by the first.
    assert found.rows[1][4] == f"{broken.passes().forwards + broken.clean.passes().forwards:,}"


@pytest.mark.parametrize("defense", [EBMPurification(steps=3), ZOAEDS(), AdversarialTraining()])
def test_an_abridged_defense_costs_what_the_whole_one_costs_when_asked(defense: Defense, run: PreparedRun) -> None:
    brief = defense.abridged()
    some = run.data.train[torch.arange(40)]
    classifier = assemble(SmallCNN(), shape=run.data.train.shape, classes=2).eval()
    brief.fit(classifier, FitData(some, some, 2, 0, CPU, lambda _share, _note: None))
    model = brief.defend(classifier)
    assert (brief.purify_passes, model.votes) == (defense.purify_passes, getattr(defense, "votes", 1))
    assert type(brief) is type(defense)


def test_what_remains_is_corrected_by_what_was_taken() -> None:
    remaining = Remaining({"a": 10.0, "b": 20.0, "c": 30.0, "d": 5.0})
    assert remaining.seconds() == 65
    remaining.ended("d")
    assert remaining.seconds("a", elapsed=4.0) == pytest.approx(6 + 50)
    remaining.ended("a", 20.0)
    # Twice as long as expected so far, so the rest too; the present step by its own pace where that is known.
    assert remaining.seconds("b", elapsed=10.0) == pytest.approx(30 + 60)
    assert remaining.seconds("b", elapsed=10.0, share=0.25) == pytest.approx(30 + 60)
    assert remaining.seconds("b", elapsed=10.0, share=0.5) == pytest.approx(10 + 60)
    remaining.ended("b", 40.0)
    remaining.ended("c", 60.0)
    assert remaining.seconds() == 0


def test_what_remains_is_shared_by_steps_side_by_side_but_for_those_that_run_alone() -> None:
    remaining = Remaining({"a": 10.0, "b": 30.0, "theirs": 50.0}, alone=["theirs"])
    assert remaining.seconds("a", at_once=2) == (10 + 30) / 2 + 50
    remaining.ended("a")
    # One step is never shared.
    assert remaining.seconds("b", at_once=2) == 30 + 50
    remaining.ended("b")
    assert remaining.seconds("theirs", elapsed=20.0) == 30
