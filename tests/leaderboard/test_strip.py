"""The strip of images: of the row's strongest attack, with what the model said, and no error where nothing was kept."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leaderboard.board import read_board
from leaderboard.export import export
from leaderboard.publish import publish
from leaderboard.strip.figure import draw_strips
from leaderboard.strip.rows import attack_strip
from leaderboard.strip.section import Strip
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

CLEAN = clean_frame([0, 1, 1, 0, 1, 0, 1, 1], [False] + [True] * 7)
MOVED = torch.zeros(7, 1, 6, 6)
MOVED[1, 0, 2, 3] = 0.025
PIXELS = torch.full((4, 1, 6, 6), 51, dtype=torch.uint8)
KEPT = {
    "adversarial": torch.full((7, 1, 6, 6), 0.2) + MOVED,
    "row": torch.arange(1, 8),
    "shown": torch.tensor([0, 1, 2, 4]),
    "clean": PIXELS,
    "purified": PIXELS,
}


def made(folder: Path, **tensors: torch.Tensor) -> HandMadeRun:
    run = HandMadeRun(folder)
    run.row("none", CLEAN, {})
    weak = attack_frame(CLEAN, [True] * 8)
    run.cell("robustness", "none", "weak", weak, {"accuracy": [0.5], "replayed": {}}, tensors=tensors)
    strong = attack_frame(CLEAN, np.arange(8) != 2)
    run.cell("robustness", "none", "strong", strong, {"accuracy": [0.5], "replayed": {}}, tensors=tensors)
    run.manifest()
    return run


def strip_of(run: HandMadeRun) -> Strip:
    found = read_board(run.store.root).section(Strip)
    assert found is not None
    return found


def test_images_and_answers_are_those_of_the_strongest_attack(tmp_path: Path) -> None:
    section = strip_of(made(tmp_path, **KEPT))
    ((clean, cell),) = section.cells
    assert cell.attack == "strong"
    strip = attack_strip(clean, cell, section.results)
    assert strip is not None
    assert strip.factor == 20
    first, second, *_ = strip.images
    assert (first.before.said, first.after.said, first.after.right) == ("disease", "disease", True)
    assert (second.before.said, second.after.said, second.after.right) == ("disease", "healthy", False)
    assert second.after.probability == pytest.approx(0.9)
    assert np.abs(second.adversarial - second.clean).max() == pytest.approx(0.025, abs=1e-6)


def test_it_is_drawn_linked_and_exported(tmp_path: Path) -> None:
    run = made(tmp_path / "run", **KEPT)
    assert "figures/strip.png" in publish(run.store)
    assert "(../figures/strip.png)" in (run.store.root / "leaderboard" / "attacks.md").read_text(encoding="utf-8")
    assert "strip.png" in export(run.store.root, tmp_path / "out")
    with Image.open(tmp_path / "out" / "strip.png") as image:
        assert min(image.size) > 300


@pytest.mark.parametrize("lacking", ["shown", "adversarial"])
def test_a_run_that_kept_no_images_has_no_strip(tmp_path: Path, lacking: str) -> None:
    section = strip_of(made(tmp_path, **{name: tensor for name, tensor in KEPT.items() if name != lacking}))
    assert section.figure("t") is None


@pytest.mark.filterwarnings("ignore:Glyph")
def test_any_label_and_any_number_of_channels_can_be_drawn(tmp_path: Path) -> None:
    many = {n: t.repeat(1, 3, 1, 1) if t.ndim == 4 else t for n, t in KEPT.items() if n != "purified"}
    section = strip_of(made(tmp_path, **many))
    strip = attack_strip(*section.cells[0], section.results)
    assert strip is not None
    drawn = draw_strips([strip] * 3, {"$x": "$\\frac{ is lost"}, "t", phantom=True)
    with Image.open(BytesIO(drawn)) as image:
        assert image.format == "PNG"
