"""A step runs where it can reach nobody else: what it does there, how it ends, and what is left of it."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmark.core.progress import PlainProgress
from benchmark.core.writing import DiskError
from benchmark.engines.base import Tally
from benchmark.steps.base import Result
from benchmark.steps.context import StepContext
from tests.engines.steps import Deed, Others, Theirs

Ran = Callable[..., Tally]


def _reason(tally: Tally, step: Deed) -> str:
    assert list(tally.failed) == [step.key]
    return tally.failed[step.key]


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda context: os._exit(0), "ended its process with exit status 0"),
        (lambda context: os._exit(7), "exit status 7"),
        (lambda context: os.abort(), "SIGABRT"),
        (lambda context: ctypes.string_at(0), "SIGSEGV"),
        (lambda context: os.kill(os.getpid(), signal.SIGKILL), "remedy: give a smaller --batch-size"),
        (lambda context: sys.exit(0), "SystemExit: 0"),
        (lambda context: (_ for _ in ()).throw(KeyboardInterrupt), "KeyboardInterrupt"),
        (lambda context: (_ for _ in ()).throw(DiskError("is full", where="/", remedy="go")), "is full"),
        (lambda context: Result({"a": object()}), "cannot be saved"),
        (lambda context: Result({}, tensors={"a": 3}), "tensors['a'] is int"),  # type: ignore[dict-item]
    ],
)
def test_however_a_step_ends_the_next_one_runs(ran: Ran, deed: Callable[[StepContext], object], words: str) -> None:
    bad, good = Deed("bad", deed, Theirs()), Deed("good", lambda context: 1)
    tally = ran(bad, good)
    assert words in _reason(tally, bad)
    assert tally.computed == [good.key]


@pytest.mark.parametrize(
    "hang",
    [
        # Python runs no handler of a signal while C code does not come back.
        lambda context: ctypes.PyDLL(None).sleep(60),
        lambda context: (os.kill(os.getpid(), signal.SIGSTOP), time.sleep(60)),
        lambda context: subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], check=False),
    ],
)
def test_a_step_that_hangs_ends_with_its_time(ran: Ran, hang: Callable[[StepContext], object]) -> None:
    bad, good = Deed("bad", hang, Theirs()), Deed("good", lambda context: 1)
    began = time.monotonic()
    tally = ran(bad, good, step_timeout=8)
    assert time.monotonic() - began < 50
    assert "the 8 seconds of --step-timeout" in _reason(tally, bad)
    assert "remedy" in tally.failed[bad.key]
    assert tally.computed == [good.key]


def test_a_plug_in_shares_a_process_with_itself_alone(ran: Ran, context: StepContext) -> None:
    whose = [None, None, Theirs(), Theirs(), Others(), None]
    steps = [
        Deed(f"step {n}", lambda context: os.getpid(), *([] if defense is None else [defense]))
        for n, defense in enumerate(whose)
    ]
    ran(*steps)
    ids = [context.store.record(step.key).results["given"] for step in steps]
    assert ids[0] == ids[1] == ids[5]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3
    assert os.getpid() not in ids


def test_nothing_that_a_step_does_to_its_process_is_left_in_this_one(ran: Ran) -> None:
    environment, path, folder, state = dict(os.environ), list(sys.path), os.getcwd(), random.getstate()

    def meddle(context: StepContext) -> None:
        os.environ.clear()
        sys.path.clear()
        os.chdir("/")
        random.seed(1)
        context.data.evaluation.pixels.zero_()
        torch.Tensor.argmax = None  # type: ignore[method-assign, assignment]

    ran(Deed("meddles", meddle, Theirs()))
    assert dict(os.environ) == environment
    assert (sys.path, os.getcwd(), random.getstate()) == (path, folder, state)
    assert torch.ones(2).argmax() is not None


def test_what_is_printed_is_shown_on_standard_error_alone_and_not_for_ever(
    ran: Ran, context: StepContext, capfd: pytest.CaptureFixture[str]
) -> None:
    def shout(context: StepContext) -> int:
        for number in range(5000):
            print(f"line {number} \x1b[2J")
        os.write(2, b"from below")
        return 1

    context.progress = PlainProgress(1, sys.stderr)
    assert ran(Deed("shouts", shout, Theirs())).computed
    out, err = capfd.readouterr()
    assert out == ""
    assert "shouts says: line 0 \\x1b[2J" in err
    assert "line 19" in err
    assert "line 20" not in err
    assert "what else it printed is left out" in err


def test_the_last_words_of_a_process_that_died_are_part_of_the_reason(ran: Ran) -> None:
    def die(context: StepContext) -> None:
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
        os.abort()

    bad = Deed("bad", die, Theirs())
    assert "std::bad_alloc" in _reason(ran(bad), bad)


def test_temporary_files_of_a_step_are_gone_after_it(ran: Ran, context: StepContext) -> None:
    def litter(context: StepContext) -> str:
        return tempfile.mkstemp()[1]

    step = Deed("litters", litter, Theirs())
    ran(step)
    assert not Path(context.store.record(step.key).results["given"]).exists()


def test_other_descriptors_of_the_run_are_out_of_reach(ran: Ran, tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as file:
        number = os.dup2(file.fileno(), 77)

        def scribble(context: StepContext) -> int:
            for descriptor in range(3, 256):
                try:
                    os.set_blocking(descriptor, False)
                    os.write(descriptor, b'["ended", ""]\nnonsense\n["disk", 1, "forged"]x\n[')
                except OSError:
                    continue
                os.set_blocking(descriptor, True)
            return 1

        ran(Deed("scribbles", scribble, Theirs()))
        os.close(number)
    assert (tmp_path / "open").read_bytes() == b""


@pytest.mark.parametrize("harm", ["change", "replace", "add", "remove", "vanish"])
def test_a_finished_step_that_another_wrote_into_is_computed_again(ran: Ran, context: StepContext, harm: str) -> None:
    first = Deed("first", lambda context: Result({"given": 1}, {"a": torch.ones(3)}))

    def edit(context: StepContext) -> int:
        folder = context.store.root / "steps" / first.key
        file = folder / "record.json"
        content, times = file.read_bytes(), os.stat(file)
        match harm:
            case "change":
                file.write_bytes(content.replace(b'"given": 1', b'"given": 2'))
                # As a careful forger would.
                os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            case "replace":
                (folder / "other").write_bytes(content)
                (folder / "other").rename(file)
            case "add":
                (folder / "more").write_bytes(b"")
            case "remove":
                (folder / "tensors.safetensors").unlink()
            case "vanish":
                folder.rename(folder.with_name("elsewhere"))
        return 1

    bad, last = Deed("bad", edit, Theirs(), (first,)), Deed("last", lambda context: 3, Others(), (first,))
    tally = ran(first, bad, last)
    assert "wrote into what other steps had finished (first)" in _reason(tally, bad)
    assert not context.store.has(bad.key)
    assert sorted(tally.computed) == sorted([first.key, last.key])
    assert not tally.reused
    assert context.store.record(first.key).results["given"] == 1
    assert context.store.tensors(first.key)["a"].tolist() == [1, 1, 1]


def test_a_process_whose_run_was_killed_ends_by_itself(tmp_path: Path) -> None:
    script = f"""
import os, sys, time, torch
from pathlib import Path
from benchmark.core.batching import BatchSize
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.engines.local import LocalEngine
from benchmark.planning.plan import Cell, Plan
from benchmark.core.progress import Progress
from benchmark.records.store import Store
from benchmark.steps.context import StepContext
from tests.engines.steps import Deed, Theirs

def hang(context):
    Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    time.sleep(120)

data = ChestPhantom(size=28, count=120).load(root=None)
context = StepContext(data=data, store=Store(Path({str(tmp_path / "run")!r})),
    device=torch.device("cpu"), batch_size=BatchSize(8), progress=Progress())
LocalEngine().run(Plan([Cell("robustness", "x", "clean", "none", Deed("hangs", hang, Theirs()))]), context)
"""
    run = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
            assert run.poll() is None
            time.sleep(0.1)
    finally:
        run.kill()
        run.wait()
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while _there(child):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_step_computes_on_several_threads_after_this_process_has(ran: Ran, context: StepContext) -> None:
    before, many = torch.get_num_threads(), torch.rand(2000, 2000)
    try:
        torch.set_num_threads(2)
        many.exp().sum()
        step = Deed("computes", lambda context: [float(many.exp().sum()), torch.get_num_threads()])
        assert ran(step, step_timeout=60).computed
    finally:
        torch.set_num_threads(before)
    assert context.store.record(step.key).results["given"] == [pytest.approx(float(many.exp().sum())), 2]


def test_rows_without_other_people_s_plug_ins_are_computed_before_these_run(ran: Ran) -> None:
    base = Deed("base", lambda context: 1)
    theirs, ours = Deed("theirs", lambda context: 1, Theirs(), (base,)), Deed("ours", lambda context: 1, after=(base,))
    assert ran(theirs, ours).computed == [base.key, ours.key, theirs.key]
