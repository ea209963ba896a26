"""A run that is killed at any call that changes its folder goes on as if it had not been."""

from __future__ import annotations

import operator
import random
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmark.records.inspection import run_faults
from tests.records.conftest import Whole
from tests.records.ended_calls import command
from tests.records.small_run import arguments, left

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="calls are told apart by /proc")
SOME, A_FEW = 4, 6
"""Kills where `--fuzz-minutes` does not say otherwise: in runs of their own, and one after another in one."""
_SOUND = ("did not come to its end", "was left by a run that was killed")


@pytest.fixture
def minutes(pytestconfig: pytest.Config) -> float | None:
    """What `--fuzz-minutes` says."""
    given: float | None = pytestconfig.getoption("--fuzz-minutes")
    return given


def in_turn(calls: list[str]) -> Iterator[str]:
    """Every call once, shuffled, one of each kind first."""
    shuffled = random.Random(0).sample(calls, len(calls))
    kinds = {(call.split()[0], "/" in call): call for call in shuffled}
    yield from kinds.values()
    yield from (call for call in shuffled if call not in kinds.values())


def test_a_killed_run_and_one_that_goes_on_and_is_killed_leave_the_same_bytes(
    whole: Whole, tmp_path: Path, minutes: float | None
) -> None:
    calls = whole.calls
    assert len(calls) == len(set(calls)) > 100
    began, draw, kills = time.monotonic(), random.Random(1), 0
    for number, call in enumerate(in_turn(calls)):
        if number >= SOME and (minutes is None or time.monotonic() - began > 60 * minutes):
            break
        folder = tmp_path / str(number)
        killed = command(arguments(folder), folder, kill=partial(operator.eq, call))
        assert killed.status == -9, killed.output
        # Where what goes on does not come to that call, it comes to its end.
        killed_again = command(arguments(folder), folder, kill=partial(operator.eq, draw.choice(calls)))
        assert killed_again.status in (-9, 0), killed_again.output
        kills += 1 + (killed_again.status == -9)
        resumed = command(arguments(folder), folder)
        assert resumed.status == 0, (call, resumed.output)
        assert left(folder) == whole.left, call
    print(f"\n{kills} kills in {number} runs")


def first_new(seen: frozenset[str], call: str) -> bool:
    return call not in seen


def test_one_run_killed_at_one_call_after_another_comes_to_the_same_end(
    whole: Whole, tmp_path: Path, minutes: float | None
) -> None:
    calls = whole.calls
    folder = tmp_path / "run"
    # Those that only a run that goes on makes, as it removes what was left behind, are found on the way.
    seen = frozenset() if minutes else frozenset(calls) - frozenset(random.Random(2).sample(calls, A_FEW))
    kills: list[str] = []
    while (run := command(arguments(folder), folder, kill=partial(first_new, seen))).status == -9:
        kills.append(run.calls[-1])
        seen |= {run.calls[-1]}
        if folder.is_dir() and (folder / "manifest.json").is_file():
            odd = [fault for fault in run_faults(folder) if not any(sound in fault.problem for sound in _SOUND)]
            assert odd == [], kills[-1]
    assert run.status == 0, run.output
    assert left(folder) == whole.left
    assert len(kills) >= (len(calls) if minutes else A_FEW)
    print(f"\none run killed {len(kills)} times")


def test_a_step_whose_process_is_killed_as_it_saves_is_an_error_and_is_made_up_for(
    whole: Whole, tmp_path: Path
) -> None:
    calls = whole.calls
    folder = tmp_path / "run"
    (half,) = [call for call in calls if call.startswith("half written of steps/.detect-") and "record" in call]
    killed = command(arguments(folder), folder, kill=partial(operator.eq, half), only_the_caller=True)
    assert killed.status == 1
    assert "its process was killed" in killed.output
    assert "Traceback" not in killed.output
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert left(folder) == whole.left
