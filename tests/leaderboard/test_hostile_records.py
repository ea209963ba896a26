"""Records that cannot be read, or say nonsense, cost their own place on the board and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaderboard.board import Board, read_board
from leaderboard.publish import publish
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame, detection_frame

LABELS = np.arange(64) % 3 % 2
RIGHT = np.arange(64) % 8 > 0
STANDING = np.arange(64) % 5 > 0

Change = Callable[[pd.DataFrame], pd.DataFrame]


def nan_scores(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(scores=[[float("nan"), 0.5]] * len(frame))


def without(column: str) -> Change:
    return lambda frame: frame.drop(columns=column)


def nothing_known(column: str) -> Change:
    return lambda frame: frame.assign(**{column: [None] * len(frame)})


HOSTILE: dict[str, Change] = {
    "scores that are not finite": nan_scores,
    "no outcomes": without("robust"),
    "no scores": without("scores"),
    "outcomes unknown": nothing_known("robust"),
    "attacked unknown": nothing_known("attacked"),
    "other images": lambda frame: frame.iloc[::-1],
    "fewer images": lambda frame: frame.head(10),
    "no images": lambda frame: frame.head(0),
    "text for numbers": lambda frame: frame.assign(scores="many", forwards="many"),
}


CLEAN = ("scores that are not finite", "no scores", "other images", "fewer images", "no images", "text for numbers")
"""Those that can befall clean records."""


def run(folder: Path, hostile: Change | None = None, clean_too: bool = False) -> HandMadeRun:
    """Two rows, two detection cells and a transfer entry, the second of each hostile."""
    made = HandMadeRun(folder)
    clean = clean_frame(LABELS, RIGHT)
    made.row("honest", clean, {"pgd": attack_frame(clean, STANDING)})
    change = hostile or (lambda frame: frame)
    other = change(clean) if clean_too else clean
    made.row("third", clean, {"pgd": attack_frame(clean, STANDING)})
    made.row("other", other, {"pgd": change(attack_frame(clean, STANDING)), "fgsm": attack_frame(clean, STANDING)})
    for detector in ("kd", "other"):
        frame = detection_frame()
        usable = hostile is not None and detector == "other"
        made.cell("detection", "honest", "pgd", change_detection(frame) if usable else frame, {}, detector)
    for target in ("honest", "other"):
        attacked = attack_frame(clean, STANDING)
        made.cell(
            "transfer", target, "source", change(attacked) if target == "other" else attacked, {"accuracy": [0.5]}
        )
    made.manifest()
    return made


def change_detection(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(detector_score=float("nan"))


def board(made: HandMadeRun) -> Board:
    """The board after publishing, which must leave every file."""
    publish(made.store)
    for name in ("leaderboard.md", "rows.csv", "survival.csv"):
        assert (made.store.root / name).stat().st_size > 0
    return read_board(made.store.root)


def facts(found: Board, defense: str) -> tuple[Any, ...]:
    row = next(r for r in found.robustness if r.defense == defense)
    return row.clean, row.worst, row.balanced, row.attacks, row.clinical_worst, row.flags


@pytest.mark.parametrize("name", HOSTILE)
def test_an_attack_that_cannot_be_read_is_an_error_and_costs_nobody_else(tmp_path: Path, name: str) -> None:
    sound, hurt = board(run(tmp_path / "sound")), board(run(tmp_path / "hostile", HOSTILE[name]))
    assert facts(hurt, "honest") == facts(sound, "honest")
    assert hurt.detection[0] == sound.detection[0]
    row = next(r for r in hurt.robustness if r.defense == "other")
    assert (row.status, row.worst, row.balanced, row.ranking) == ("error", None, None, None)
    attacks = {a.attack: a for a in row.attacks}
    assert attacks["pgd"].status == "error"
    assert attacks["pgd"].reason
    assert attacks["fgsm"].status == "done"
    assert hurt.detection[1].status == "error"
    assert "not finite" in hurt.detection[1].reason


@pytest.mark.parametrize("name", [n for n in HOSTILE if n in CLEAN])
def test_clean_records_that_cannot_be_read_are_a_row_without_numbers(tmp_path: Path, name: str) -> None:
    sound, hurt = board(run(tmp_path / "sound")), board(run(tmp_path / "hostile", HOSTILE[name], clean_too=True))
    assert facts(hurt, "honest") == facts(sound, "honest")
    row = next(r for r in hurt.robustness if r.defense == "other")
    assert (row.status, row.clean, row.worst) == ("error", None, None)
    assert row.remarks[0] in (tmp_path / "hostile" / "leaderboard.md").read_text().replace("\\", "")


def test_measurements_that_are_null_or_not_numbers_stop_nothing(tmp_path: Path) -> None:
    made = run(tmp_path)
    ids = ("unstable_landscape", "softmax_output", "zero_gradient", "randomised", "unbounded_fails")
    nonsense = {flag: {"ratio": None, "value": float("nan"), "n": None} for flag in ids}
    made.cell("probe", "honest", "", None, {"measurements": nonsense})
    made.cell("diagnosis", "other", "", None, {"diagnoses": {"curvature": {"n": 3, "curvature": None}}})
    made.manifest()
    found = board(made)
    other = next(r for r in found.robustness if r.defense == "other")
    assert other.worst is not None, "its attacks were read"
    assert (other.status, other.diagnosis) == ("incomplete", None)
    assert {r.defense for r in found.robustness} == {"honest", "other", "third"}
    honest = next(r for r in found.robustness if r.defense == "honest")
    assert honest.worst is not None
    assert honest.status != "ranked"


def test_a_missing_step_is_an_error_of_its_cell(tmp_path: Path) -> None:
    made = run(tmp_path)
    for cell in made.cells[1:]:
        made.store.root.joinpath("steps", cell["key"], "samples.parquet").unlink()
    found = board(made)
    assert [r.status for r in found.detection] == ["error", "error"]
    assert all(r.status == "error" for r in found.robustness)
    assert found.transfer is not None
    assert all(e.status == "error" for e in found.transfer.entries)
    assert all("samples.parquet: is missing" in c.reason for c in found.survival)
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "done"


def test_a_reason_that_is_no_text_is_still_published(tmp_path: Path) -> None:
    made = run(tmp_path)
    made.cells[1] |= {"status": "error", "reason": "RuntimeError: half a pair \ud800 | `*\n" + "x" * 5000}
    made.manifest()
    assert next(r for r in board(made).robustness if r.defense == "honest").status == "error"
    assert "half a pair ?" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
