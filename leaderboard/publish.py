"""Writing a run's tables and figures beside its results."""

from __future__ import annotations

from benchmark.core.writing import write_atomically
from benchmark.records.store import Store
from leaderboard.board import read_board
from leaderboard.csv import survival_csv, to_csv
from leaderboard.figures.publish import draw_figures
from leaderboard.markdown import to_markdown


def publish(store: Store) -> None:
    """Write `leaderboard.md`, `rows.csv`, `survival.csv` and the figures into the run folder."""
    board = read_board(store.root)
    write_atomically(store.root / "leaderboard.md", to_markdown(board))
    write_atomically(store.root / "rows.csv", to_csv(board))
    write_atomically(store.root / "survival.csv", survival_csv(board.survival))
    draw_figures(board, store.root / "figures")
