"""Rows below what is asked of them, and the status that a run then ends with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.__main__ import main
from benchmark.core.exit_status import ExitStatus
from leaderboard.board import read_board
from leaderboard.robustness import rows
from leaderboard.robustness.floor import below_floor
from leaderboard.robustness.schema import RobustnessRow
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame


def table(folder: Path, missing: tuple[str, ...] = ()) -> tuple[RobustnessRow, ...]:
    """Rows that keep half of the images and none."""
    made, clean = HandMadeRun(folder), clean_frame((np.arange(64) % 2).tolist(), [True] * 64)
    for name, kept in (("half", 32), ("none", 0)):
        made.row(name, clean, {"pgd": attack_frame(clean, np.arange(64) < kept)})
        made.defenses[name] = made.defenses[name].model_copy(update={"missing": missing})
    made.manifest()
    return read_board(folder).robustness


def test_ranked_rows_below_the_floor_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "evaluate_flags", lambda _: [])
    found = table(tmp_path)
    assert below_floor(found, 0.0) == []
    assert below_floor(found, 0.5) == ["row none keeps 0.0 % in the worst case, below 50.0 %"]
    assert len(below_floor(found, 0.51)) == 2


def test_without_a_ranked_row_nothing_is_shown(tmp_path: Path) -> None:
    assert below_floor(table(tmp_path, missing=("an attack",)), 0.3) == [
        "no row is ranked, so none is shown to keep 30.0 %"
    ]


@pytest.mark.parametrize("share", ["-0.1", "1.1", "30", "nan", "x"])
def test_a_share_outside_its_range_is_refused(share: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--suite", "chest-xray", "--fail-below", share, "--dry-run"]) == ExitStatus.REFUSED
    assert "fail-below" in capfd.readouterr().err
