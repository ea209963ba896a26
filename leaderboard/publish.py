"""Writing a run's tables and figures beside its results."""

from __future__ import annotations

import warnings
from pathlib import Path

from benchmark.core.writing import DiskError, write_atomically, writing
from benchmark.records.store import Store
from leaderboard.board import Board, read_board
from leaderboard.pages.flat_csv import flat_table, to_csv
from leaderboard.pages.markdown import FIRST, pages, to_markdown
from leaderboard.section import Section
from leaderboard.sections import PAGES, SECTIONS


def publish(store: Store) -> list[str]:
    """Write the pages, `rows.csv`, and every section's own file and figure into the run folder.

    Returns:
        Names of the files that are there now, within the folder.
    """
    root, board = store.root, read_board(store.root)
    figures = draw_figures(board, root / "figures")
    write_atomically(root / FIRST, to_markdown(board, figures=figures))
    write_atomically(root / "rows.csv", to_csv(board))
    written = [FIRST, "rows.csv"]
    for page in pages(board):
        write_atomically(root / "leaderboard" / f"{page}.md", to_markdown(board, page, figures=figures))
        written.append(f"leaderboard/{page}.md")
    for section in board.sections:
        if section.file:
            write_atomically(root / section.file, flat_table(section.own_rows(), section.columns))
            written.append(section.file)
    possible = [*(kind.file for kind in SECTIONS if kind.file), *(f"leaderboard/{page}.md" for page in PAGES)]
    for name in possible:
        if name not in written:
            # What an earlier run wrote is not what this one shows.
            _remove(root / name)
    return [*written, *(f"figures/{name}" for name in figures)]


def draw_figures(board: Board, folder: Path) -> list[str]:
    """Draw what the board has to show into `folder`; gives the names of the figures that are there now."""
    drawn = []
    for kind in SECTIONS:
        if kind.picture:
            path, section = folder / kind.picture, board.section(kind)
            # What an earlier run drew is not what this one shows.
            _remove(path)
            if section is not None and _draw(section, board.title, path):
                drawn.append(kind.picture)
    return drawn


def _remove(path: Path) -> None:
    with writing(path):
        path.unlink(missing_ok=True)


def _draw(section: Section, title: str, path: Path) -> bool:
    try:
        figure = section.figure(title)
        if figure is not None:
            write_atomically(path, figure)
    except DiskError:
        raise
    except Exception as error:
        # The tables hold every number of the figure, and hours of computing must not end in a drawing's error.
        warnings.warn(f"{path.name} was not drawn ({type(error).__name__}: {error})", stacklevel=2)
        return False
    return figure is not None
