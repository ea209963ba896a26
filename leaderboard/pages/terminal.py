"""The board on a terminal."""

from __future__ import annotations

import rich.table
from rich import box
from rich.console import Console
from rich.text import Text

from benchmark.core.harmless import line, on_screen
from leaderboard.board import Board
from leaderboard.section import Note, Table


def show(board: Board, console: Console) -> None:
    """Print the tables and what a reader must know."""
    console.print(on_screen(board.title, style="bold"))
    if board.phantom:
        console.print(on_screen("PHANTOM IMAGES: nothing below says anything about patients.", style="bold red"))
    for note in board.notes:
        console.print(on_screen(f"note: {note}", style="yellow"))
    for shown in (part for section in board.sections for part in section.terminal()):
        if isinstance(shown, Note):
            console.print(on_screen(shown.text, style=shown.style))
        else:
            _print(shown, console)


def _print(shown: Table, console: Console) -> None:
    if console.width >= 160 or not console.is_terminal:
        table = rich.table.Table(title=on_screen(shown.title), box=box.SIMPLE, title_justify="left")
        for header in shown.headers:
            long = header in ("Flags", "Threshold", "Note")
            table.add_column(on_screen(header), overflow="fold", no_wrap=not long)
        for row in shown.cells:
            table.add_row(*map(on_screen, row))
        console.print(table)
        return
    # A narrow terminal shows one block a row: a table of fifteen columns would break every cell.
    console.print(on_screen(shown.title, style="bold"))
    for row in shown.cells:
        block = Text()
        for header, cell in zip(shown.headers, row, strict=True):
            block.append(f"{line(header)} ", style="dim")
            block.append(f"{line(cell)}   ")
        console.print(block)
