"""The board on a terminal."""

from __future__ import annotations

import rich.table
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from benchmark.core.harmless import line, on_screen
from leaderboard.board import Board
from leaderboard.pages.columns import GAP, columns_that_fit
from leaderboard.section import Table
from leaderboard.text import wrapped

MORE = "Threat models, flags and every other table: leaderboard.md, or show --full."
"""What stands below a board that is not shown in full."""

_RULE = box.SIMPLE_HEAD
_BETWEEN = 3
"""Blanks between two values of a block."""


def show(board: Board, console: Console, *, full: bool = False) -> None:
    """Print the findings, the tables and what a reader must know.

    Args:
        board: What is shown.
        console: Where.
        full: Show every column and every note, a block a row where the columns do not fit side by side.
    """
    console.print(on_screen(board.title, style="bold"))
    if board.phantom:
        console.print(on_screen("PHANTOM IMAGES: nothing below says anything about patients.", style="bold red"))
    if full:
        for note in board.notes:
            console.print(on_screen(f"note: {note}", style="yellow"))
    elif board.notes:
        console.print(on_screen(f"{len(board.notes)} notes on the data", style="yellow"))
    parts = [part for section in board.sections for part in section.terminal()]
    detailed = full or all(part.detail for part in parts)
    for part in parts:
        if part.detail and not detailed:
            continue
        if isinstance(part, Table):
            _print(part, console, full=full)
        else:
            console.print(Text(wrapped(line(part.text), console.width), style=part.style))
    if not full:
        console.print(on_screen(MORE, style="dim"))


def _print(shown: Table, console: Console, *, full: bool) -> None:
    # On a screen a tab or a line break moves the cursor; widths are those of what is printed.
    headers, cells = [line(header) for header in shown.headers], [[line(cell) for cell in row] for row in shown.cells]
    console.print()
    console.print(on_screen(shown.title, style="bold"))
    widths = columns_that_fit(headers, cells, () if full else shown.extra, console.width)
    if widths is None:
        _print_blocks(headers, cells, console)
        return
    table = rich.table.Table(box=_RULE, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for at, width in widths.items():
        table.add_column(on_screen(headers[at]), width=width)
    for row in cells:
        table.add_row(*(Text(wrapped(row[at], width)) for at, width in widths.items()))
    console.print(table)


def _print_blocks(headers: list[str], cells: list[list[str]], console: Console) -> None:
    """A block a row, for tables that are wider than the screen; a value stays beside its name where there is room."""
    for row in cells:
        block, used = Text(), 0
        for header, cell in zip(headers, row, strict=True):
            needed = cell_len(header) + 1 + cell_len(cell)
            if used:
                fits = used + _BETWEEN + needed <= console.width
                block.append(" " * _BETWEEN if fits else "\n")
                used = used + _BETWEEN if fits else 0
            block.append(f"{header} ", style="dim")
            block.append(cell)
            used += needed
        console.print(block)
