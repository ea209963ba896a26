"""The board as Markdown."""

from __future__ import annotations

from leaderboard.board import Board
from leaderboard.text import escape


def to_markdown(board: Board) -> str:
    """The whole board; a function of the run's results alone, so the same run gives the same bytes."""
    parts = [f"# {escape(board.title)}"]
    if board.phantom:
        parts.append(
            "> **Phantom images.** Everything below is measured on drawn images and says nothing about patients."
        )
    parts.append("\n".join(f"- {escape(line)}" for line in board.protocol))
    if board.notes:
        notes = "\n".join(f"- {escape(note)}" for note in board.notes)
        parts.append(f"Notes on the data and the classifier:\n\n{notes}")
    parts += [part for section in board.sections for part in section.markdown()]
    return "\n\n".join(parts) + "\n"
