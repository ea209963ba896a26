"""Writing a run's tables beside its results."""

from __future__ import annotations

from benchmark.store import Store, write_atomically
from leaderboard.board import read_board
from leaderboard.csv import to_csv
from leaderboard.markdown import to_markdown


def publish(store: Store) -> None:
    """Write `leaderboard.md` and `rows.csv` into the run folder."""
    board = read_board(store.root)
    write_atomically(store.root / "leaderboard.md", to_markdown(board))
    write_atomically(store.root / "rows.csv", to_csv(board))
