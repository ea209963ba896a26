"""Steps side by side: really at a time, each after what it needs, none in the way of another, and nothing left over."""

from __future__ import annotations

import _thread
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmark.core.progress import LiveProgress, PlainProgress
from benchmark.engines.base import Tally
from benchmark.engines.child import Ends, serve
from benchmark.steps.context import StepContext
from benchmark.verdicts import fresh
from tests.engines.steps import Deed, Theirs

Ran = Callable[..., Tally]


def _meeting(own: Path, other: Path) -> Callable[[StepContext], int]:
    """Says that it is there, and stays until the other is."""

    def meet(context: StepContext) -> int:
        own.touch()
        deadline = time.monotonic() + 30
        while not other.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return os.getpid()

    return meet


def test_steps_that_need_nothing_of_each_other_are_computed_at_a_time(
    ran: Ran, context: StepContext, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    pair = Deed("one", _meeting(one, two)), Deed("two", _meeting(two, one))
    tally = ran(*pair, at_once=2)
    assert not tally.failed
    ids = {context.store.record(step.key).results["given"] for step in pair}
    assert len(ids) == 2
    assert os.getpid() not in ids


def test_a_step_waits_for_what_it_needs_and_lets_others_pass(ran: Ran) -> None:
    slow = Deed("slow", lambda context: time.sleep(1))
    after = Deed("after", lambda context: context.store.record(slow.key).results["given"] is None, after=(slow,))
    free = Deed("free", lambda context: 1)
    assert ran(slow, after, free, at_once=2).computed == [free.key, slow.key, after.key]


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda context: os._exit(7), "exit status 7"),
        (lambda context: os.kill(os.getpid(), signal.SIGKILL), "or let OMP_NUM_THREADS be smaller"),
        (lambda context: time.sleep(60), "the 4 seconds of --step-timeout"),
        (lambda context: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_one_that_fails_costs_the_one_beside_it_nothing(
    ran: Ran, context: StepContext, deed: Callable[[StepContext], object], words: str
) -> None:
    bad, beside = Deed("bad", deed), Deed("beside", lambda context: (time.sleep(1), os.getpid())[1])
    needs, later = Deed("needs", lambda context: 1, after=(bad,)), Deed("later", lambda context: os.getpid())
    tally = ran(bad, beside, needs, later, at_once=2, step_timeout=4)
    assert words in tally.failed[bad.key]
    assert tally.failed[needs.key].startswith("bad failed: ")
    assert {*tally.computed} == {beside.key, later.key}


def test_plug_ins_of_others_run_alone_after_all_the_rest(ran: Ran, context: StepContext, tmp_path: Path) -> None:
    def alone(context: StepContext) -> list[bool]:
        return [context.store.has(step.key) for step in own]

    own = [Deed(f"own {n}", lambda context: os.getpid()) for n in range(4)]
    theirs = Deed("theirs", alone, Theirs())
    tally = ran(theirs, *own, at_once=2)
    assert tally.computed[-1] == theirs.key
    assert context.store.record(theirs.key).results["given"] == [True] * 4


def test_no_process_is_left_after_the_run(ran: Ran) -> None:
    before = _children() | {fresh.serving().process.pid}
    ran(*(Deed(f"step {n}", lambda context: 1) for n in range(4)), at_once=3)
    assert _children() <= before


@pytest.mark.parametrize("last", [lambda context: 1, lambda context: os._exit(1), lambda context: time.sleep(60)])
def test_what_gives_verdicts_to_a_step_ends_with_the_process_of_the_step(
    ran: Ran, context: StepContext, last: Callable[[StepContext], object]
) -> None:
    # As at a question that hangs: it does not look whether anyone still waits.
    asks = Deed("asks", lambda context: (pid := fresh.serving().process.pid, os.kill(pid, signal.SIGSTOP))[0])
    ran(asks, Deed("last", last, after=(asks,)), at_once=2, step_timeout=4)
    pid = context.store.record(asks.key).results["given"]
    assert pid != fresh.serving().process.pid
    assert pid not in _alive()


def test_what_gives_verdicts_in_the_place_of_one_that_ended_ends_with_the_process_too(
    ran: Ran, context: StepContext
) -> None:
    def lose(context: StepContext) -> int:
        server = fresh.serving().process
        server.kill()
        return server.wait()

    lost = Deed("loses it", lose)
    asks = Deed(
        "asks", lambda context: (pid := fresh.serving().process.pid, os.kill(pid, signal.SIGSTOP))[0], after=(lost,)
    )
    ran(lost, asks, at_once=2)
    assert context.store.record(asks.key).results["given"] not in _alive()


def test_a_system_that_starts_no_process_for_verdicts_is_no_steps_fault(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError, match="/nowhere/python"):
        ran(Deed("never", lambda context: 1), at_once=2)


def test_a_process_whose_run_is_gone_before_it_begins_does_not_go_on_as_the_run(
    context: StepContext, tmp_path: Path
) -> None:
    fresh.close()
    pipes = [os.pipe() for _ in range(3)]
    (asked, requests), (replies, told), (output, printed) = pipes
    for end in (requests, replies, output):
        os.close(end)
    if not (pid := os.fork()):
        try:
            serve({}, context, Ends(asked, told, printed), tmp_path, threads=1)
        finally:
            os._exit(99)
    for end in (asked, told, printed):
        os.close(end)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, 1)


def test_ctrl_c_while_a_process_is_forked_leaves_none(ran: Ran) -> None:
    if not (pid := os.fork()):
        code = 99
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            # Noticed where `os.fork` comes back.
            os.register_at_fork(after_in_parent=_thread.interrupt_main)
            with pytest.raises(KeyboardInterrupt):
                ran(Deed("never", lambda context: 1), at_once=2)
            deadline = time.monotonic() + 20
            while (code := len(_children() & _alive())) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("at_once", [1, 2])
def test_processes_that_a_step_began_end_with_its_own_however_that_ended(
    ran: Ran, tmp_path: Path, at_once: int
) -> None:
    def leave(context: StepContext) -> None:
        (tmp_path / "pid").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        os._exit(3)

    bad = Deed("leaves", leave)
    assert "exit status 3" in ran(bad, at_once=at_once).failed[bad.key]
    pid, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 20
    while pid in _alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_spoiled_step_is_computed_again_on_as_many_threads_as_before(ran: Ran, context: StepContext) -> None:
    first = Deed("first", lambda context: torch.get_num_threads())

    def spoil(context: StepContext) -> None:
        (context.store.root / "steps" / first.key / "more").touch()

    bad = Deed("bad", spoil, Theirs(), (first,))
    theirs = Deed("theirs", lambda context: torch.get_num_threads(), Theirs(), (first,))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        tally = ran(first, bad, theirs, at_once=2)
    finally:
        torch.set_num_threads(before)
    assert "these are computed again" in tally.failed[bad.key]
    assert [context.store.record(step.key).results["given"] for step in (first, theirs)] == [1, 2]


def _alive() -> set[int]:
    """Processes that have not ended, or are ended and waited for by nobody."""
    states = {int(entry.parent.name): entry for entry in Path("/proc").glob("[0-9]*/stat")}
    return {pid for pid, file in states.items() if _state(file) not in ("Z", "")}


def _state(file: Path) -> str:
    try:
        return file.read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_each_line_of_the_display_is_of_the_step_that_it_names() -> None:
    shown = io.StringIO()
    progress = PlainProgress(2, shown, every=0)
    progress.begin("first", key="a")
    progress.begin("second", key="b")
    for key, images in (("a", 10), ("b", 4)):
        progress.turn_to(key)
        progress.expect(images)
    progress.turn_to("a")
    progress.advance(5)
    progress.end()
    progress.turn_to("b")
    progress.say("hello")
    progress.end("FAILED")
    lines = shown.getvalue().splitlines()
    assert "[1/2] first  50 %" in lines[-4]
    assert lines[-3].startswith("[1/2] first: done")
    assert lines[-2] == "[2/2] second says: hello"
    assert lines[-1].startswith("[2/2] second: FAILED")


def test_a_terminal_does_not_go_on_showing_a_step_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda stderr: Console(file=screen, force_terminal=True))
    progress = LiveProgress(2)
    progress.begin("silent", key="a")
    progress.begin("talks", key="b")
    progress.end()
    shown = screen.getvalue()
    progress.close()
    assert shown.rindex("[1/2] silent") > shown.rindex("[2/2] talks: done")
    assert "talks" not in shown[shown.rindex("[1/2] silent") :]
