"""What the commands print: tables and fields, with rich on a terminal and as plain text elsewhere."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from textwrap import indent

import typer

_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}
"""Unicode categories that move the cursor, colour the screen or reorder the text around them."""


def harmless(text: object) -> str:
    """`text` with control characters spelled out: what a plug-in or a file wrote must not steer the terminal."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in _UNSEEN else _spelled(c) for c in str(text))


def _spelled(character: str) -> str:
    return " " if character == "\t" else character.encode("unicode_escape").decode()


def line(text: object) -> str:
    """`text` on one line, harmless."""
    return " ".join(harmless(text).split())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; on a terminal it is as wide as the screen, elsewhere every row is one line."""
    cells = [[line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in (columns, *cells):
            typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[:-1]:
        column.overflow = "fold"
    for row in cells:
        # As Text, because a cell may hold what rich would take for markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_fields(title: str, fields: Iterable[tuple[str, object]]) -> None:
    """A title, and below it one field per line: "name: value"; values may have several lines."""
    shown = [(name, harmless(value)) for name, value in fields]
    if not sys.stdout.isatty():
        typer.echo(harmless(title))
        for name, value in shown:
            typer.echo(f"  {name}: {value}" if "\n" not in value else f"  {name}:\n{indent(value, '    ')}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in shown:
        grid.add_row(Text(f"  {name}", style="cyan"), Text(value))
    console = Console()
    console.print(Text(harmless(title), style="bold"))
    console.print(grid)
