"""`python -m benchmark leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Print a run's leaderboard from its folder alone.")

Run = Annotated[Path, typer.Option("--run", help="The folder that `run --out` wrote.")]


@app.command()
def show(run: Run) -> None:
    """Print the tables for a terminal."""
    from rich.console import Console

    from leaderboard.board import read_board
    from leaderboard.terminal import show as show_board

    console = Console()
    show_board(read_board(run), console if console.is_terminal else Console(width=200))
    _name_faults(run)


@app.command()
def markdown(run: Run) -> None:
    """Print the tables as Markdown."""
    from leaderboard.board import read_board
    from leaderboard.markdown import to_markdown

    typer.echo(to_markdown(read_board(run)), nl=False)
    _name_faults(run)


@app.command()
def attacks(run: Run) -> None:
    """Print every attack as Markdown with its cost in passes and seconds."""
    from tabulate import tabulate

    from leaderboard.board import read_board
    from leaderboard.tables import attack_table

    headers, cells = attack_table(read_board(run).robustness, seconds=True)
    typer.echo(tabulate(cells, headers, tablefmt="pipe", disable_numparse=True))
    _name_faults(run)


def _name_faults(run: Path) -> None:
    """Name the files that are not what was written; exit status 1 where there are any."""
    from benchmark.cli.console import harmless
    from benchmark.inspection import step_faults
    from benchmark.store import Store

    store = Store(run)
    faults = step_faults(store, store.manifest())
    for fault in faults:
        typer.echo(f"error: {harmless(fault)}", err=True)
    if faults:
        raise typer.Exit(1)
