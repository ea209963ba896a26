"""`python -m benchmark doctor`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

Problem = tuple[str, str]
"""What is wrong, and what to do."""


def doctor(
    data_root: Annotated[Path | None, typer.Option(help="Where data are; by default $MEDROBUST_DATA.")] = None,
) -> None:
    """Check the installation, the machine and the data; needs no network.

    Exit status 2 when something is broken that a run needs.
    """
    from benchmark.cli.console import print_fields

    problems = _check_libraries()
    if not problems:
        problems += _check_plugins()
    _show_machine(torch_works=not problems)
    if not problems:
        _show_data(data_root)
    if problems:
        print_fields("PROBLEMS", ((what, f"remedy: {remedy}") for what, remedy in problems))
        raise typer.Exit(2)
    typer.echo("Everything that a run needs is there.")


def _check_libraries() -> list[Problem]:
    from benchmark import __version__
    from benchmark.cli.console import print_fields
    from benchmark.cli.installation import libraries

    found = list(libraries())
    fields = [("medrobust", __version__), ("python", f"{platform.python_version()} ({sys.executable})")]
    print_fields("Versions", [*fields, *((library.name, library.version) for library in found)])
    return [(f"{library.name}: {library.problem}", library.remedy) for library in found if library.problem]


def _check_plugins() -> list[Problem]:
    from benchmark.cli.console import print_fields
    from benchmark.discovery import load_plugins
    from benchmark.errors import UserError
    from benchmark.plugin import KINDS, registered

    try:
        load_plugins()
    except UserError as error:
        return [(f"{error.where}: {error.problem}", error.remedy)]
    print_fields("Plug-ins", ((kind, len(registered(kind))) for kind in KINDS))
    return []


def _show_machine(*, torch_works: bool) -> None:
    from benchmark.cli.console import print_fields
    from benchmark.cli.machine import accelerators, cores, free_disk, free_memory, gibibytes

    memory = free_memory()
    fields: list[tuple[str, object]] = [
        ("system", platform.platform()),
        ("cores", cores()),
        ("free memory", "unknown" if memory is None else gibibytes(memory)),
        ("free disk", f"{gibibytes(free_disk(Path.cwd()))} here, where runs/ is made"),
    ]
    if torch_works:
        fields.append(("device", "\n".join(accelerators()) or "cpu (torch finds no GPU)"))
    print_fields("Machine", fields)


def _show_data(given: Path | None) -> None:
    from typing import cast

    from benchmark.cli.console import print_fields
    from benchmark.datasets.base import Dataset
    from benchmark.datasets.root import data_root
    from benchmark.errors import UserError
    from benchmark.plugin import registered

    root = data_root(given)
    fields = []
    for name, plugin in registered("dataset").items():
        if any(p.required for p in plugin.parameters()) or cast("type[Dataset]", plugin).phantom:
            continue
        try:
            fields.append((name, str(cast("Dataset", plugin()).locate(root=root))))
        except UserError:
            fields.append((name, "not there"))
    print_fields(f"Data in {root} (`data where` says what to put there, `data check` reads it)", fields)
