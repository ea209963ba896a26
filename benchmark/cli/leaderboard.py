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
    as_json: Annotated[bool, typer.Option("--json", help="Findings and rows as JSON.")] = False,
) -> None:
    """Print the findings and the tables for a terminal."""
    from benchmark.cli.console import print_board, print_document

    if as_json:
        from leaderboard.board import read_board
        from leaderboard.pages.flat_json import to_json

        print_document(to_json(read_board(run)))
    else:
        print_board(run, full=full, unasked=not full)
    _name_faults(run)


@app.command()
def compare(
    rows: Annotated[list[str], typer.Argument(metavar="RUN [ROW] RUN [ROW]", help="Folders, each with a row's label.")],
    as_json: Annotated[bool, typer.Option("--json", help="The comparison as JSON.")] = False,
) -> None:
    """Compare two rows image by image: the difference with its interval, and McNemar's exact test.

    A run with one row needs no label. Rows of other data, profiles or perturbations are refused.
    """
    import json

    from benchmark.cli.console import print_document, say
    from benchmark.core.harmless import in_json
    from leaderboard.comparison.comparison import compare as compared
    from leaderboard.comparison.side import read_side
    from leaderboard.comparison.words import sentences, values

    first, second = _two_rows(rows)
    found = compared(read_side(*first), read_side(*second))
    if as_json:
        print_document(in_json(json.dumps(values(found), indent=1, ensure_ascii=False)))
    else:
        for sentence in sentences(found):
            say(sentence)
    for run in dict.fromkeys((first[0], second[0])):
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


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The folder that `run --out` wrote.")],
    out: Annotated[Path, typer.Option(help="An empty folder, or a new one.")],
) -> None:
    """Write a run's record and board as JSON, its rows as CSV, what attacks submitted, and its methods as BibTeX."""
    from benchmark.cli.console import say
    from leaderboard.export import export as exported

    for name in exported(run, out):
        say(out / name)
    _name_faults(run)


def _two_rows(words: list[str]) -> tuple[tuple[Path, str | None], tuple[Path, str | None]]:
    """RUN [ROW] RUN [ROW]: of three words the second is a row where the third is a run folder and it is none."""
    from benchmark.core.errors import UserError

    if len(words) == 2:
        return (Path(words[0]), None), (Path(words[1]), None)
    if len(words) == 4:
        return (Path(words[0]), words[1]), (Path(words[2]), words[3])
    if len(words) == 3:
        if (Path(words[1]) / "manifest.json").is_file():
            return (Path(words[0]), None), (Path(words[1]), words[2])
        return (Path(words[0]), words[1]), (Path(words[2]), None)
    raise UserError(f"{len(words)} words are no two rows", where="compare", remedy="give RUN [ROW] RUN [ROW]")


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
