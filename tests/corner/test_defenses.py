"""A dishonest defense never ranks above its truth, an honest one is never refused, and none changes another row."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from defenses.base import Defense
from leaderboard.robustness.schema import RobustnessRow
from tests.corner.catalogue import DISHONEST, HONEST
from tests.corner.control import Control
from tests.corner.harness import ATTACKS, PROBES, Finished, beside_none, run
from tests.corner.page import Line, said, write
from tests.corner.rows import assert_unchanged, row_of
from tests.corner.task import SIZES

ALL = [pytest.param(control, kind, id=control.name) for kind, every in DISHONEST.items() for control in every]
TOLERANCE = 4 / SIZES["evaluation"]
"""Four images more or fewer are luck."""


@pytest.mark.parametrize(("control", "kind"), ALL)
def test_a_dishonest_defense_never_ranks_above_its_truth(
    control: type[Control], kind: str, folder: Path, alone: Finished
) -> None:
    finished = run(folder, defense={control.name: {}, "none": {"probes": 0}}, robustness=beside_none(control.name))
    row = row_of(finished, control.name)
    _document(Line.of(control, kind, row))
    above = row.status.startswith("ranked") and _measure(row) > control.truth + TOLERANCE
    assert above == bool(control.known_gap), (row.status, row.worst, row.remarks, control.known_gap)
    assert_unchanged(finished, alone, "none")


@pytest.mark.parametrize("defense", HONEST, ids=lambda d: d.name)
def test_an_honest_defense_is_never_refused(defense: type[Defense], folder: Path, alone: Finished) -> None:
    finished = run(folder, defense={defense.name: {}, "none": {"probes": 0}}, robustness=beside_none(defense.name))
    row = row_of(finished, defense.name)
    _document(Line.of(defense, "honest", row))
    assert row.status.startswith("ranked"), (row.status, row.remarks)
    assert_unchanged(finished, alone, "none")


@pytest.mark.parametrize(("label", "table"), [("adversarial-training", {"epochs": 15, "steps": 3}), ("jpeg", {})])
def test_a_defense_of_the_project_is_never_refused(label: str, table: dict[str, int], folder: Path) -> None:
    row = row_of(run(folder, defense={label: table}, robustness={**PROBES, "attack": ATTACKS}), label)
    assert row.status.startswith("ranked"), (row.status, row.remarks)


def _measure(row: RobustnessRow) -> float:
    """What rows are ranked by."""
    assert row.balanced is not None
    return row.balanced.value


def _document(line: Line) -> None:
    if os.environ.get("MEDROBUST_WRITE_DOCS"):
        write(line)
    assert said(line), "run these tests with MEDROBUST_WRITE_DOCS=1 and read the changes"
