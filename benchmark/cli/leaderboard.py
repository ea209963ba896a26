"""`python -m benchmark leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Print a run's leaderboard from its folder alone.")

Run = Annotated[Path, typer.Option("--run", help="The folder that `run --out` wrote.")]


@app.command()
def show(
    run: Run,
    full: Annotated[bool, typer.Option("--full", help="Every table, column and threat model.")] = False,
) -> None:
    """Print the findings and the tables for a terminal."""
    from benchmark.cli.console import print_board

    print_board(run, full=full)
    _name_faults(run)


@app.command()
def markdown(run: Run) -> None:
    """Print every page as Markdown, the first one first."""
    from benchmark.cli.console import print_document
    from leaderboard.board import read_board
    from leaderboard.pages.markdown import pages, to_markdown

    board = read_board(run)
    print_document("\n".join(to_markdown(board, page) for page in ("", *pages(board))))
    _name_faults(run)


@app.command()
def attacks(run: Run) -> None:
    """Print every attack as Markdown with its cost in passes and seconds."""
    from benchmark.cli.console import print_document
    from leaderboard.attacks.table import attack_table
    from leaderboard.board import read_board
    from leaderboard.text import markdown_table

    print_document(markdown_table(*attack_table(read_board(run).robustness, seconds=True)))
    _name_faults(run)


def _name_faults(run: Path) -> None:
    """Name the files that are not what was written; exit status 1 where there are any."""
    from benchmark.cli.console import print_document
    from benchmark.records.inspection import step_faults
    from benchmark.records.store import Store

    store = Store(run)
    faults = step_faults(store, store.manifest())
    for fault in faults:
        print_document(f"error: {fault}", error=True)
    if faults:
        raise typer.Exit(1)
