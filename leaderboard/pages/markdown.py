"""The board as pages of Markdown: one that is read first, and those behind it."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.board import Board
from leaderboard.sections import PAGES
from leaderboard.text import escape

FIRST = "leaderboard.md"
"""The page that is read first; the others lie in the folder `leaderboard` beside it."""


def pages(board: Board) -> list[str]:
    """The names of the pages behind the first one that have something to show."""
    return [page for page in PAGES if any(_parts(board, page, ()))]


def to_markdown(board: Board, page: str = "", *, figures: Sequence[str] = ()) -> str:
    """A page; a function of the run's results alone, so the same run gives the same bytes.

    Args:
        board: What is shown.
        page: One of `pages`; the first by default.
        figures: Names of the figures that lie in `figures`, each shown with its section.
    """
    phantom = "> **Phantom images.** Everything here is measured on drawn images and says nothing about patients."
    marked = [phantom] if board.phantom else []
    if page:
        about = f"{escape(board.title)} · [findings, protocol and data](../{FIRST})"
        parts = [f"# {PAGES[page]}", about, *marked, *_parts(board, page, figures)]
    else:
        parts = [f"# {escape(board.title)}", *marked, *_first(board, figures)]
    return "\n\n".join(parts) + "\n"


def _first(board: Board, figures: Sequence[str]) -> list[str]:
    links = [f"- [{PAGES[page]}](leaderboard/{page}.md)" for page in pages(board)]
    notes = [f"- {escape(note)}" for note in board.notes]
    return [
        *_parts(board, "", figures),
        *(["## Every other table", "\n".join(links)] if links else []),
        "## Protocol and data",
        "\n".join(f"- {escape(line)}" for line in board.protocol),
        *(["Notes on the data and the classifier:", "\n".join(notes)] if notes else []),
    ]


def _parts(board: Board, page: str, figures: Sequence[str]) -> list[str]:
    folder = "../figures" if page else "figures"
    parts = []
    for section in board.sections:
        if section.page == page:
            parts += section.markdown()
            if section.picture in figures:
                parts.append(f"![{_caption(section.picture)}]({folder}/{section.picture})")
    return parts


def _caption(figure: str) -> str:
    return figure.removesuffix(".png").replace("-", " ").capitalize()
