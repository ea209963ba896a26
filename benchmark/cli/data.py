"""`python -m benchmark data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from benchmark.core.exit_status import ExitStatus

if TYPE_CHECKING:
    from benchmark.datasets.base import Dataset
    from benchmark.datasets.loading.check import DatasetStatus

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Say where data belong, and check what is there.")

Root = Annotated[Path | None, typer.Option("--data-root", help="Where data are; by default $MEDROBUST_DATA.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Plugins = Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")]


@app.command()
def where(data_root: Root = None, as_json: AsJson = False, plugin: Plugins = None) -> None:
    """Print what to put where, for every data set."""
    from benchmark.cli.console import print_fields
    from benchmark.core.discovery import load_plugins
    from benchmark.datasets.loading.check import placements

    load_plugins(plugin or (), kinds=["dataset"])
    if as_json:
        _print_datasets(data_root, [{"name": name, "placement": text} for name, text in placements(data_root)])
    else:
        print_fields(_title(data_root), placements(data_root))


@app.command()
def check(
    what: Annotated[
        str | None, typer.Argument(metavar="[FOLDER | NAME]", help="A folder of images, or the name of a data set.")
    ] = None,
    suite: Annotated[str | None, typer.Option(help="Check the data of this suite, with its settings.")] = None,
    profile: Annotated[str, typer.Option(help="Profile of the suite.")] = "quick",
    sheet: Annotated[
        Path | None, typer.Option(help="Draw up to 8 images of each class and split into this PNG file.")
    ] = None,
    as_json: AsJson = False,
    data_root: Root = None,
    plugin: Plugins = None,
) -> None:
    """Read data, and say what is in them and what is wrong with them; nothing is downloaded or computed.

    With a suite or a folder: images of each class and split, patients, copies, what the files are, and every file that
    cannot be read. Without, all data sets with their default settings. No file is written but with --sheet, since it
    shows what may be patients.

    Exit status 2 when a data set is there but cannot be used, or the one asked for is not there.
    """
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError

    load_plugins(plugin or (), kinds=["dataset"])
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise UserError("the contact sheet is a PNG file", where="--sheet", remedy="give a name that ends in .png")
    if suite is not None and what is not None:
        raise UserError("a suite names its own data", where="data check", remedy="give --suite or a folder, not both")
    if suite is not None or what is not None:
        _check_one(_of_suite(suite, profile) if suite is not None else _named(str(what)), data_root, sheet, as_json)
    elif sheet is not None:
        raise UserError("a contact sheet is of one data set", where="--sheet", remedy="give --suite or a folder")
    else:
        _check_all(data_root, as_json)


def _of_suite(suite: str, profile: str) -> Dataset:
    from benchmark.core.plugin import look_up
    from benchmark.suites.suite import read_suite

    read, path = read_suite(suite, profile)
    where = f"{path.name}: data"
    return cast(
        "Dataset", look_up("dataset", read.data.name, where=where).from_settings(read.data.settings, where=where)
    )


def _named(what: str) -> Dataset:
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.plain_file import is_folder
    from benchmark.core.plugin import registered

    known = registered("dataset")
    name, settings = ("image-folder", {"path": str(Path(what).absolute())}) if what not in known else (what, {})
    if settings and not is_folder(Path(what)):
        raise UserError(
            "no such folder, nor a data set of that name", where=what, remedy=did_you_mean(what, list(known))
        )
    return cast("Dataset", known[name].from_settings(settings, where="data check"))


def _check_one(dataset: Dataset, root: Path | None, sheet: Path | None, as_json: bool) -> None:
    from benchmark.cli.console import print_document, print_json, say
    from benchmark.cli.data_report import in_words, problems_in_words
    from benchmark.datasets.drawing.contact_sheet import contact_sheet
    from benchmark.datasets.loading.report import report
    from benchmark.datasets.reading.unusable import UnusableError

    try:
        found, data = report(dataset, root=root)
    except UnusableError as error:
        if as_json:
            print_json({"unusable": [{"file": e.where, "problem": e.problem} for e in error.problems]})
        else:
            print_document(problems_in_words(error))
        raise typer.Exit(ExitStatus.REFUSED) from error
    if as_json:
        print_json(found.values())
    else:
        print_document(in_words(found))
    if sheet is not None:
        _write(sheet, contact_sheet(data))
        say(f"contact sheet: {sheet}", error=as_json)


def _write(path: Path, content: bytes) -> None:
    from benchmark.core.errors import UserError

    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"cannot be written ({error.strerror})",
            where=str(path),
            remedy="give a file in a folder that can be written",
        ) from error


def _check_all(root: Path | None, as_json: bool) -> None:
    from benchmark.cli.console import print_fields, say
    from benchmark.datasets.loading import check as checking

    if not as_json:
        say(_title(root))
    statuses = []
    for status in checking.check(root):
        statuses.append(status)
        if not as_json:
            print_fields(f"{status.name}: {_verdict(status)}", _details(status))
    if as_json:
        _print_datasets(root, [_entry(status) for status in statuses])
    if any(status.found and status.problem for status in statuses):
        raise typer.Exit(ExitStatus.REFUSED)


def _print_datasets(given: Path | None, datasets: list[dict[str, Any]]) -> None:
    from benchmark.cli.console import print_json
    from benchmark.datasets.reading.root import data_root

    print_json({"data_root": str(data_root(given)), "datasets": datasets})


def _entry(status: DatasetStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "found": status.found,
        "usable": status.found and not status.problem,
        "published": status.official,
        "counts": {split: dict(zip(status.classes, numbers, strict=True)) for split, numbers in status.counts},
        "notes": list(status.notes),
        "problem": status.problem,
    }


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
