"""The board on a terminal: no number is cut where it was meant to be read."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from leaderboard.board import read_board
from leaderboard.detection.table import detection_table
from leaderboard.pages.terminal import show
from leaderboard.robustness.table import robustness_table
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame, detection_frame


def test_every_number_of_a_wide_board_is_whole(tmp_path: Path) -> None:
    made = HandMadeRun(tmp_path)
    clean = clean_frame((np.arange(64) % 2).tolist(), [True] * 64)
    attacks = {name: attack_frame(clean, np.arange(64) % 7 > 0) for name in ("fgsm", "pgd", "cw-linf", "square")}
    made.row("adversarial-training", clean, attacks)
    made.cell("detection", "none", "cw-linf+hfc", detection_frame(), {}, "maha")
    made.manifest()
    board, text = read_board(tmp_path), StringIO()
    show(board, Console(file=text, width=200))
    _, robustness = robustness_table(board.robustness, board.reference, brief=True)
    _, detection = detection_table(board.detection, brief=True)
    numbers = [cell for line in (*robustness, *detection) for cell in line if cell[:1].isdigit()]
    assert len(numbers) > 20
    assert all(number in text.getvalue() for number in numbers)
