"""The board on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.core.harmless import line, on_screen
from leaderboard.detection_table import detection_table
from leaderboard.schema import Board
from leaderboard.tables import robustness_table
from leaderboard.transfer_table import transfer_table


def show(board: Board, console: Console) -> None:
    """Print the tables and what a reader must know."""
    console.print(on_screen(board.title, style="bold"))
    if board.phantom:
        console.print(on_screen("PHANTOM IMAGES: nothing below says anything about patients.", style="bold red"))
    for note in board.notes:
        console.print(on_screen(f"note: {note}", style="yellow"))
    if board.robustness:
        title = "Robustness (per cent, 95 % intervals)"
        _print(title, *robustness_table(board.robustness, board.reference, brief=True), console)
        for row in board.robustness:
            console.print(on_screen(f"{row.defense}: {row.threat}"))
            if row.remarks:
                console.print(on_screen(f"  {row.status}: {'; '.join(row.remarks)}", style="yellow"))
    if board.detection:
        _print("Detection (per cent)", *detection_table(board.detection, brief=True), console)
    if board.transfer is not None:
        title = f"Transfer, {board.transfer.bound} (success in per cent; † crafted on the target itself)"
        _print(title, *transfer_table(board.transfer), console)


def _print(title: str, headers: Sequence[str], cells: Sequence[Sequence[str]], console: Console) -> None:
    if console.width >= 160 or not console.is_terminal:
        table = Table(title=on_screen(title), box=box.SIMPLE, title_justify="left")
        for header in headers:
            long = header in ("Flags", "Threshold", "Note")
            table.add_column(on_screen(header), overflow="fold", no_wrap=not long)
        for row in cells:
            table.add_row(*map(on_screen, row))
        console.print(table)
        return
    # A narrow terminal shows one block a row: a table of fifteen columns would break every cell.
    console.print(on_screen(title, style="bold"))
    for row in cells:
        block = Text()
        for header, cell in zip(headers, row, strict=True):
            block.append(f"{line(header)} ", style="dim")
            block.append(f"{line(cell)}   ")
        console.print(block)
