"""Detection rows from hand-made records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from leaderboard.board import read_board
from leaderboard.detection.table import detection_table
from leaderboard.pages.flat_csv import to_csv
from leaderboard.pages.markdown import to_markdown
from tests.leaderboard.frames import HandMadeRun, detection_frame


def test_a_detector_of_files_gets_no_credit_and_the_board_says_why(tmp_path: Path) -> None:
    made, rows = HandMadeRun(tmp_path), 240
    never_seen = np.full(rows, 9.0)
    knows = {"detector_score": never_seen, "detector_score_stored": never_seen, "detector_score_moved": never_seen}
    made.cell("detection", "none", "pgd", detection_frame(rows), {}, "honest")
    made.cell("detection", "none", "pgd", detection_frame(rows, **knows), {}, "knows-files")
    floats = {"detector_score": never_seen, "detector_score_stored": np.zeros(rows)}
    made.cell("detection", "none", "pgd", detection_frame(rows, **floats), {}, "off-grid")
    made.manifest()
    board = read_board(tmp_path)
    assert [r.status for r in board.detection] == ["done", "no credit", "no credit"]
    headers, cells = detection_table(board.detection)
    lines = {line[1]: dict(zip(headers, line, strict=True)) for line in cells}
    for metric in ("AUC", "AUC two-sided", "TPR@90", "Through at 10 % FPR", "Through at 5 % FPR"):
        assert lines["honest"][metric].count(",") == 1, "a number with its interval"
        assert lines["knows-files"][metric] == lines["off-grid"][metric] == "–"
    assert lines["knows-files"]["FPR moved"].startswith("100.0")
    assert lines["off-grid"]["TPR@90 stored"].startswith("0.0")
    text = to_markdown(board, "detection")
    assert "recognises files, not attacks" in text
    assert "sees what no file can hold, not attacks" in text
    header = to_csv(board).splitlines()[0].split(",")
    kept = "auc auc_low auc_high auc_two_sided auc_fooled threshold_at_10 fpr_clean_at_5 fpr_noisy_at_10 tpr_at_10"
    assert {*kept.split(), "joint_success_at_5", "tpr_at_10_low", "fpr_moved_at_10", "tpr_stored_at_5"} <= set(header)
