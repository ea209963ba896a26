"""A run in files for others: every attack's images, whatever the labels, beside record and board."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.core.errors import UserError
from benchmark.records.run_record import RunRecord
from leaderboard.board import read_board
from leaderboard.export import export
from leaderboard.pages.flat_csv import to_csv
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

ROWS = torch.tensor([5, 1, 2])
LABELS = ("a/../b", "a:..:b", "PGD", "pgd")


@pytest.fixture
def made(tmp_path: Path) -> HandMadeRun:
    """Attacks whose labels make the same file name, each with images of its own."""
    run, clean = HandMadeRun(tmp_path / "run"), clean_frame((np.arange(8) % 2).tolist(), [True] * 8)
    run.row("none", clean, {})
    for number, label in enumerate(LABELS):
        tensors = {"adversarial": torch.full((3, 1, 2, 2), number / 8), "row": ROWS}
        samples = attack_frame(clean, np.arange(8) < 2)
        results = {"accuracy": [0.5], "replayed": {}}
        run.cell("robustness", "none", label, samples, results, tensors=tensors)
    run.manifest()
    return run


def test_everything_is_there_and_nothing_outside(made: HandMadeRun, tmp_path: Path) -> None:
    out = tmp_path / "out"
    written = export(made.store.root, out)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == set(written)
    assert len({name.lower() for name in written}) == len(written) == 4 + len(LABELS)
    assert RunRecord.model_validate_json((out / "run.json").read_text(encoding="utf-8")) == made.store.manifest()
    board = read_board(made.store.root)
    assert json.loads((out / "board.json").read_text(encoding="utf-8"))["title"] == board.title
    assert (out / "rows.csv").read_text(encoding="utf-8") == to_csv(board)


def test_images_stand_beside_their_records(made: HandMadeRun, tmp_path: Path) -> None:
    export(made.store.root, tmp_path / "out")
    fills = set()
    for path in (tmp_path / "out" / "adversarial").iterdir():
        with np.load(path, allow_pickle=False) as arrays:
            assert arrays["adversarial"].dtype == np.float32
            fills.add(float(arrays["adversarial"].max()))
            assert arrays["sample_id"].tolist() == ["image 5", "image 1", "image 2"]
            assert arrays["label"].tolist() == [1, 1, 0]
            assert arrays["robust"].tolist() == [False, True, False]
            assert arrays["prediction"].tolist() == [0, 1, 1]
    assert fills == {0.0, 0.125, 0.25, 0.375}


def test_a_folder_that_holds_something_is_left_alone(made: HandMadeRun, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export(made.store.root, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
