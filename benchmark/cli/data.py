"""`python -m benchmark data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.core.exit_status import ExitStatus

if TYPE_CHECKING:
    from benchmark.datasets.loading.check import DatasetStatus

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Say where data belong, and check what is there.")

Root = Annotated[Path | None, typer.Option("--data-root", help="Where data are; by default $MEDROBUST_DATA.")]
Plugins = Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")]


@app.command()
def where(data_root: Root = None, plugin: Plugins = None) -> None:
    """Print what to put where, for every data set."""
    from benchmark.cli.console import print_fields
    from benchmark.core.discovery import load_plugins
    from benchmark.datasets.loading.check import placements

    load_plugins(plugin or (), kinds=["dataset"])
    print_fields(_title(data_root), placements(data_root))


@app.command()
def check(data_root: Root = None, plugin: Plugins = None) -> None:
    """Read every data set that is there, and say what is wrong with it; nothing is downloaded.

    Exit status 2 when a data set is there but cannot be used.
    """
    from benchmark.cli.console import print_fields, say
    from benchmark.core.discovery import load_plugins
    from benchmark.datasets.loading import check as checking

    load_plugins(plugin or (), kinds=["dataset"])
    say(_title(data_root))
    broken = False
    for status in checking.check(data_root):
        broken = broken or (status.found and bool(status.problem))
        print_fields(f"{status.name}: {_verdict(status)}", _details(status))
    if broken:
        raise typer.Exit(ExitStatus.REFUSED)


def _title(given: Path | None) -> str:
    from benchmark.core.plain_file import kind
    from benchmark.datasets.reading.root import data_root

    root = data_root(given)
    found = {"a folder": "", "": " (no such folder)"}
    return f"data root: {root}" + found.get(kind(root), f" ({kind(root)}, not a folder)")


def _verdict(status: DatasetStatus) -> str:
    if status.problem:
        return "cannot be used" if status.found else "not there"
    return {True: "fine, the published file", False: "fine, not the published file", None: "fine"}[status.official]


def _details(status: DatasetStatus) -> list[tuple[str, str]]:
    if status.problem and not status.found:
        # `data where` says what to put where; here it would bury what was found.
        return []
    if status.problem:
        return [("problem", status.problem)]
    counts = [
        (split, ", ".join(f"{n} {c}" for n, c in zip(numbers, status.classes, strict=True)))
        for split, numbers in status.counts
    ]
    return [*counts, *(("note", note) for note in status.notes)]
