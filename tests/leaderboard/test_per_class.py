"""What attacks leave of each class, from hand-made records."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.intervals import wilson
from leaderboard.board import Board, read_board
from leaderboard.pages.markdown import to_markdown
from leaderboard.per_class.rows import class_rows
from leaderboard.per_class.section import PerClass
from leaderboard.per_class.table import class_table
from leaderboard.publish import publish
from leaderboard.results import Results
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

LABELS = np.repeat([0, 1], [20, 44])
RIGHT = np.arange(64) % 4 > 0
FIRST, SECOND = np.arange(64) % 3 > 0, np.arange(64) % 5 > 0


@pytest.fixture
def made(tmp_path: Path) -> HandMadeRun:
    run = HandMadeRun(tmp_path)
    clean = clean_frame(LABELS.tolist(), RIGHT.tolist())
    run.row("jpeg", clean, {"pgd": attack_frame(clean, FIRST), "square": attack_frame(clean, SECOND)})
    return run


def table(made: HandMadeRun) -> tuple[Board, PerClass]:
    made.manifest()
    board = read_board(made.store.root)
    section = board.section(PerClass)
    assert section is not None
    return board, section


def test_each_class_is_counted_by_itself_over_all_attacks(made: HandMadeRun) -> None:
    board, section = table(made)
    healthy, diseased = section.table
    assert (healthy.name, healthy.goal, healthy.n) == ("healthy", "disease invented", 20)
    assert (diseased.name, diseased.goal, diseased.n) == ("disease", "disease hidden", 44)
    for row, own in ((healthy, LABELS == 0), (diseased, LABELS == 1)):
        right, stands = int((RIGHT & own).sum()), int((RIGHT & FIRST & SECOND & own).sum())
        assert row.clean is not None
        assert row.robust is not None
        assert row.turned is not None
        assert (row.clean.value, row.robust.value) == (right / row.n, stands / row.n)
        assert row.turned.value == (right - stands) / right
        assert row.robust.interval.low == pytest.approx(wilson(stands, row.n).low)
    clinical = board.robustness[0].clinical_worst
    assert clinical is not None
    assert (diseased.robust, healthy.robust) == (clinical.sensitivity, clinical.specificity)


def test_among_three_classes_nothing_is_hidden_or_invented(made: HandMadeRun) -> None:
    run = made.manifest()
    three = run.data.model_copy(update={"classes": ("a", "b", "c")})
    made.store.write_manifest(run.model_copy(update={"data": three}))
    rows = class_rows(Results(made.store.manifest(), made.store))
    assert [(row.name, row.goal, row.n) for row in rows] == [("a", "", 20), ("b", "", 44), ("c", "", 0)]
    assert rows[2].clean is rows[2].robust is rows[2].turned is None
    headers, cells = class_table(rows)
    assert "Which is" not in headers
    assert cells[2][2:] == ["0", "–", "–", "–"]


def test_where_an_attack_failed_only_the_clean_share_is_known(made: HandMadeRun) -> None:
    made.cells[1] |= {"status": "error", "reason": "out of memory"}
    _, section = table(made)
    assert [(row.clean is not None, row.robust, row.turned) for row in section.table] == [(True, None, None)] * 2


def test_it_stands_in_every_document(made: HandMadeRun) -> None:
    board, section = table(made)
    text = to_markdown(board, "robustness")
    assert text.index("## Clinical metrics") < text.index("## What attacks leave of each class")
    assert "per_class.csv" in publish(made.store)
    lines = pd.read_csv(StringIO((made.store.root / "per_class.csv").read_text()))
    assert lines.columns.tolist() == list(PerClass.columns)
    assert lines["turned"].tolist() == [row.turned.value for row in section.table if row.turned]
    assert len(section.terminal()) == 1
