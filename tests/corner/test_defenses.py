"""A dishonest defense never ranks above its truth, an honest one is never refused, and none changes another row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from defenses.base import Defense
from leaderboard.robustness.schema import RobustnessRow
from tests.corner.catalogue import DISHONEST, HONEST
from tests.corner.control import Control
from tests.corner.harness import ATTACKS, PROBES, Finished, begin, run
from tests.corner.page import Line, said, write
from tests.corner.rows import assert_unchanged, row_of
from tests.corner.task import SIZES

Group = tuple[type[Defense], ...]
Beside = Callable[[Group], Finished]

REACHING = ("channels", "disk", "patching", "writing")
"""Kinds that try to change more than what their own process holds, and have a run each."""

TOGETHER = 8
"""Controls of other kinds in one run, where each has processes of its own."""


def groups(controls: list[type[Defense]], size: int) -> Iterable[tuple[type[Defense], Group]]:
    """Each control, and those that are run with it."""
    return (
        (control, tuple(controls[i : i + size]))
        for i in range(0, len(controls), size)
        for control in controls[i : i + size]
    )


ALL = [
    pytest.param(control, group, kind, id=control.name)
    for kind, every in DISHONEST.items()
    for control, group in groups(every, 1 if kind in REACHING else TOGETHER)
]
TOLERANCE = 4 / SIZES["evaluation"]
"""Four images more or fewer are luck."""


@pytest.mark.parametrize(("control", "group", "kind"), ALL)
def test_a_dishonest_defense_never_ranks_above_its_truth(
    control: type[Control], group: Group, kind: str, beside: Beside, alone: Finished
) -> None:
    finished = beside(group)
    row = row_of(finished, control.name)
    _document(Line.of(control, kind, row))
    above = row.status.startswith("ranked") and _measure(row) > control.truth + TOLERANCE
    assert above == bool(control.known_gap), (row.status, row.worst, row.remarks, control.known_gap)
    assert_unchanged(finished, alone, "none")


@pytest.mark.parametrize(
    ("defense", "group"), [pytest.param(*both, id=both[0].name) for both in groups(HONEST, TOGETHER)]
)
def test_an_honest_defense_is_never_refused(
    defense: type[Defense], group: Group, beside: Beside, alone: Finished
) -> None:
    finished = beside(group)
    row = row_of(finished, defense.name)
    _document(Line.of(defense, "honest", row))
    assert row.status.startswith("ranked"), (row.status, row.remarks)
    assert_unchanged(finished, alone, "none")


def test_a_defense_of_the_project_is_never_refused(tmp_path: Path, trained: tuple[Path, Finished]) -> None:
    defenses = {"adversarial-training": {"epochs": 15, "steps": 3}, "jpeg": {}}
    folder = begin(tmp_path, trained[0], "train")
    finished = run(folder, defense=defenses, robustness={**PROBES, "attack": ATTACKS})
    for label in defenses:
        row = row_of(finished, label)
        assert row.status.startswith("ranked"), (row.status, row.remarks)


def _measure(row: RobustnessRow) -> float:
    """What rows are ranked by."""
    assert row.balanced is not None
    return row.balanced.value


def _document(line: Line) -> None:
    if os.environ.get("MEDROBUST_WRITE_DOCS"):
        write(line)
    assert said(line), "run these tests with MEDROBUST_WRITE_DOCS=1 and read the changes"
