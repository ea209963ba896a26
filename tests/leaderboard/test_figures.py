"""Figures: the same results give the same bytes, whatever the labels, and a figure that fails takes nothing with it."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmark.evaluation.intervals import Estimate, Interval
from leaderboard import publish
from leaderboard.board import Board
from leaderboard.figure import dark
from leaderboard.section import Section
from leaderboard.survival.figure import draw_survival
from leaderboard.survival.schema import SurvivalCurve
from leaderboard.survival.section import Survival
from leaderboard.transfer import section
from leaderboard.transfer.figure import draw_transfer
from leaderboard.transfer.schema import TransferEntry, TransferMatrix
from leaderboard.transfer.section import Transfer

CURVE = SurvivalCurve("none", "pgd", "L∞ 8/255", 40, 0.9, (0, 2, 20), (0.9, 0.4, 0.1), followed=True)


def entry(source: str, target: str, share: float | None) -> TransferEntry:
    found = None if share is None else Estimate(share, Interval(share / 2, (1 + share) / 2))
    return TransferEntry(source, target, "error" if share is None else "done", "", 40, found, "")


def matrix(*labels: str) -> TransferMatrix:
    cells = [(s, t) for s in labels for t in (*labels, "jpeg")]
    shares = [i / (len(cells) - 1) if i != 1 else None for i in range(len(cells))]
    entries = tuple(entry(s, t, share) for (s, t), share in zip(cells, shares, strict=True))
    return TransferMatrix("L∞ 8/255", labels[0], labels, (*labels, "jpeg"), ("jpeg",), entries)


def board(*sections: Section) -> Board:
    return Board("Figures in tests", (), (), phantom=True, sections=sections)


def test_a_figure_is_a_function_of_the_results() -> None:
    assert draw_transfer(matrix("a", "b"), "t") == draw_transfer(matrix("a", "b"), "t")
    assert draw_transfer(matrix("a", "b"), "t") != draw_transfer(matrix("b", "a"), "t")
    other = replace(CURVE, accuracy=(0.9, 0.4, 0.2))
    assert draw_survival([CURVE], "t") == draw_survival([CURVE], "t") != draw_survival([other], "t")


@pytest.mark.filterwarnings("ignore:Glyph")  # the font has no such letters and draws boxes
@pytest.mark.parametrize("label", ["$x", "$\\frac{", "a_b^c", "日本", "x" * 60])
def test_any_label_can_be_drawn(label: str) -> None:
    curves = [replace(CURVE, attack=label, defense=d) for d in (label, "two", "three", "four")]
    for drawn in (draw_transfer(matrix(label, "b"), label), draw_survival(curves, label)):
        with Image.open(BytesIO(drawn)) as image:
            assert image.format == "PNG"
            assert min(image.size) > 200


def test_text_is_white_on_dark_colours_alone() -> None:
    assert [dark(c) for c in ((0, 0, 0), (0, 0.13, 0.3), (1, 0.9, 0.2), (1, 1, 1))] == [True, True, False, False]


def test_what_there_is_to_show_is_drawn_and_nothing_else(tmp_path: Path) -> None:
    publish.draw_figures(board(Survival((CURVE,)), Transfer(matrix("a", "b"))), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"transfer.png", "survival.png"}
    publish.draw_figures(board(Survival((replace(CURVE, followed=False),))), tmp_path)
    assert not list(tmp_path.iterdir()), "figures of an earlier run would be taken for this one's"


def test_a_figure_that_fails_takes_nothing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise MemoryError("on purpose")

    monkeypatch.setattr(section, "draw_transfer", fail)
    with pytest.warns(UserWarning, match=r"transfer.png was not drawn .*on purpose"):
        publish.draw_figures(board(Survival((CURVE,)), Transfer(matrix("a", "b"))), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["survival.png"]
