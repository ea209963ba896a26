"""What the commands print: tables and fields, with rich on a terminal and as plain text elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import typer

from benchmark.core.harmless import harmless, line, on_screen

if TYPE_CHECKING:
    from leaderboard.board import Board


def say(text: object, *, error: bool = False, bold: bool = False) -> None:
    """One line on standard output, or on standard error."""
    typer.secho(line(text), err=error, bold=bold or None)


def print_document(text: str, *, error: bool = False) -> None:
    """Text whose line breaks are our own: what others wrote in it was put on one line before."""
    typer.echo(harmless(text), err=error, nl=not text.endswith("\n"))


def print_json(value: object) -> None:
    """Lists, dicts, texts and numbers as a JSON document in ASCII, since whoever reads it may not expect UTF-8."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_board(run: Path, *, full: bool = False, unasked: bool = False) -> Board:
    """Print the findings and tables of a run folder, as wide as the terminal or, elsewhere, as 200 columns.

    Args:
        run: The folder.
        full: Show every table with every column.
        unasked: Read no more than what is shown then.

    Returns:
        What was read.
    """
    from rich.console import Console

    from leaderboard.board import read_board
    from leaderboard.pages.terminal import show

    board, console = read_board(run, unasked=unasked), Console()
    show(board, console if console.is_terminal else Console(width=200), full=full)
    _print_completions(run)
    return board


def _print_completions(run: Path) -> None:
    """What to add to the suite for each row that lacks attacks, so that it can be copied."""
    from benchmark.records.store import Store
    from leaderboard.robustness.completion import completion

    record = Store(run).manifest()
    for defense in record.defenses:
        if tables := completion(record, defense):
            say(f"To complete the row {defense}, add to the suite:")
            print_document(f"\n{tables}\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; on a terminal it is as wide as the screen, elsewhere every row is one line."""
    cells = [[line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in (columns, *cells):
            print_document("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[:-1]:
        column.overflow = "fold"
    for row in cells:
        table.add_row(*map(on_screen, row))
    Console().print(table)


def print_fields(title: str, fields: Iterable[tuple[str, object]]) -> None:
    """A title, and below it one field per line: "name: value"; values may have several lines."""
    shown = [(line(name), harmless(value)) for name, value in fields]
    if not sys.stdout.isatty():
        say(title)
        for name, value in shown:
            print_document(f"  {name}: {value}" if "\n" not in value else f"  {name}:\n{indent(value, '    ')}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in shown:
        grid.add_row(Text(f"  {name}", style="cyan"), Text(value))
    console = Console()
    console.print(on_screen(title, style="bold"))
    console.print(grid)
