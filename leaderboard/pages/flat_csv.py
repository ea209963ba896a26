"""The board as one flat table: a line per defense, attack and detector."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmark.core.harmless import in_csv
from leaderboard.board import Board
from leaderboard.section import Line


def to_csv(board: Board) -> str:
    """`rows.csv`: shares in [0, 1], full precision, one line per cell and one per row's worst case."""
    about = {"title": board.title, "phantom": board.phantom}
    return flat_table([{**line, **about} for section in board.sections for line in section.rows()])


def flat_table(lines: Sequence[Line], columns: Sequence[str] | None = None) -> str:
    """Lines as CSV that a spreadsheet shows and does not compute.

    Args:
        lines: Values by column.
        columns: Which columns, in their order; by default all, in the order in which they first appear.
    """
    table = pd.DataFrame(list(lines), columns=None if columns is None else list(columns))
    safe = table.map(lambda cell: in_csv(cell) if isinstance(cell, str) else cell)
    return str(safe.to_csv(index=False, lineterminator="\n"))
