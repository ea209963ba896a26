"""The board on a terminal: six columns at 80, more with more room, no word cut."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from leaderboard.board import Board, read_board
from leaderboard.pages.columns import columns_that_fit
from leaderboard.pages.terminal import show
from leaderboard.robustness.screen import screen_table
from leaderboard.summary.table import HEADERS
from leaderboard.text import wrapped
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame, detection_frame

ATTACKS = ("fgsm", "bim", "pgd", "cw-linf", "square", "pgd-on-grid", "pgd-oblivious")


@pytest.fixture
def made(tmp_path: Path) -> HandMadeRun:
    """Rows with names as long as the shipped ones, and a detector."""
    run = HandMadeRun(tmp_path)
    clean = clean_frame((np.arange(64) % 2).tolist(), [True] * 64)
    for name, every in (("adversarial-training", 7), ("zo-ae-ds", 3), ("none", 1)):
        run.row(name, clean, {attack: attack_frame(clean, np.arange(64) % every > 0) for attack in ATTACKS})
    run.cell("detection", "none", "cw-linf+hfc", detection_frame(), {}, "maha")
    return run


def board(made: HandMadeRun) -> Board:
    made.manifest()
    return read_board(made.store.root)


def screen(found: Board, width: int, *, full: bool = False) -> str:
    text = StringIO()
    show(found, Console(file=text, width=width), full=full)
    return text.getvalue()


def table_of(text: str) -> str:
    """The robustness table without what stands around it."""
    return text[text.index("Robustness") : text.index("Threat models")]


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("full", [False, True])
def test_no_line_is_wider_than_the_screen_and_no_word_is_cut(made: HandMadeRun, width: int, full: bool) -> None:
    found = board(made)
    text = screen(found, width, full=full)
    assert max(map(len, text.splitlines())) <= width
    headers, cells, extra = screen_table(found.robustness, found.reference)
    shown = range(len(headers)) if full else columns_that_fit(headers, cells, extra, width)
    assert shown is not None
    words = {word for row in (headers, *cells) for at in shown for word in row[at].split()}
    assert len(words) > 30
    assert words <= set(text.split())


def test_eighty_columns_hold_the_six_that_matter_and_intervals_are_whole(made: HandMadeRun) -> None:
    found = board(made)
    text = table_of(screen(found, 80))
    headers, cells, extra = screen_table(found.robustness, found.reference)
    widths = columns_that_fit(headers, cells, extra, 80)
    assert widths is not None
    assert tuple(headers[at] for at in widths) == HEADERS
    assert all(row[headers.index("Worst case")] in text for row in cells)
    assert "adversarial-training" in text


def test_a_wider_screen_shows_more_and_detail_is_asked_for(made: HandMadeRun) -> None:
    found = board(made)
    narrow, middle, wide = (screen(found, width) for width in (80, 120, 200))
    assert "Balanced" not in narrow
    assert "Balanced" in middle
    assert "pgd-oblivious" not in table_of(middle)
    assert "pgd-oblivious" in table_of(wide)
    for text in (narrow, middle, wide):
        assert "Detection" not in text
        assert "white-box" not in text
    everything = screen(found, 80, full=True)
    assert "Detection" in everything
    assert "white-box" in everything


def test_a_board_of_detectors_alone_is_shown(tmp_path: Path) -> None:
    made = HandMadeRun(tmp_path)
    made.cell("detection", "none", "cw-linf+hfc", detection_frame(), {}, "maha")
    assert "cw-linf+hfc" in screen(board(made), 80)


def test_what_does_not_fit_side_by_side_is_a_block_a_row(tmp_path: Path) -> None:
    made, name = HandMadeRun(tmp_path), "a-defense-of-" + "many-" * 8 + "words"
    clean = clean_frame((np.arange(64) % 2).tolist(), [True] * 64)
    made.row(name, clean, {"pgd": attack_frame(clean, np.arange(64) % 7 > 0)})
    text = screen(board(made), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert name in text.split()
    assert "Worst case 84.4" in text


def test_columns_are_added_in_their_order_where_they_fit() -> None:
    headers, cells = ["a", "b", "c", "d"], [["one two", "x" * 30, "y" * 5, "50.0 [40.0, 60.0]"]]
    assert columns_that_fit(headers, cells, [(1,), (2,), (3,)], 17) == {0: 7, 2: 5}
    assert columns_that_fit(headers, cells, [(1,), (2,), (3,)], 100) == {0: 7, 1: 30, 2: 5, 3: 17}
    assert columns_that_fit(headers, cells, [], 20) is None
    assert columns_that_fit(headers[3:], [["50.0 [40.0, 60.0]"]], [], 12) == {0: 12}, "between number and interval"
    assert columns_that_fit(headers[3:], [["50.0 [40.0, 60.0]"]], [], 10) is None, "not within an interval"


@pytest.mark.parametrize("width", [60, 80, 90, 120])
@pytest.mark.parametrize("full", [False, True])
def test_no_interval_is_cut_in_findings_or_tables(made: HandMadeRun, width: int, full: bool) -> None:
    text = screen(board(made), width, full=full)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("[") == len(re.findall(r"\[[^\]\n]*\]", text)) > 10


def test_text_is_broken_between_words_and_around_intervals_alone() -> None:
    text = "worst-case 36.4 % [26.5, 49.4] of L∞ 8/255"
    assert wrapped(text, 20).split("\n") == ["worst-case", "36.4 % [26.5, 49.4]", "of L∞ 8/255"]
    assert wrapped(text, 13).split("\n") == ["worst-case", "36.4 %", "[26.5, 49.4]", "of L∞ 8/255"]


def test_reading_only_what_is_shown_unasked_changes_nothing_on_the_screen(made: HandMadeRun) -> None:
    everything = board(made)
    unasked = read_board(made.store.root, unasked=True)
    assert screen(unasked, 120) == screen(everything, 120)
    assert everything.detection
    assert not unasked.detection


def test_a_run_that_has_nothing_else_shows_its_detection_table(tmp_path: Path) -> None:
    run = HandMadeRun(tmp_path)
    run.cell("detection", "none", "cw-linf+hfc", detection_frame(), {}, "maha")
    everything = board(run)
    assert "maha" in screen(everything, 120)
    assert screen(read_board(tmp_path, unasked=True), 120) == screen(everything, 120)
