"""`python -m benchmark doctor`."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.core.exit_status import ExitStatus

Problem = tuple[str, str]
"""What is wrong, and what to do."""


def doctor(
    data_root: Annotated[Path | None, typer.Option(help="Where data are; by default $MEDROBUST_DATA.")] = None,
    run: Annotated[Path | None, typer.Option(help="Check every byte of this run folder, and nothing else.")] = None,
) -> None:
    """Check the installation, the machine and the data, or a run folder; needs no network and computes nothing.

    Exit status 2 when something is broken that a run needs, or a file of the run is not what was written.
    """
    from benchmark.cli.console import print_fields, say

    if run is not None:
        _check_run(run)
        return
    problems = _check_libraries()
    if not problems:
        problems += _check_plugins()
    _show_machine(torch_works=not problems)
    if not problems:
        _show_data(data_root)
    if problems:
        print_fields("PROBLEMS", ((what, f"remedy: {remedy}") for what, remedy in problems))
        raise typer.Exit(ExitStatus.REFUSED)
    say("Everything that a run needs is there.")


def _check_run(run: Path) -> None:
    from benchmark.cli.console import print_fields, say
    from benchmark.records.inspection import run_faults

    faults = run_faults(run)
    if faults:
        problems = ((f"{fault.where}: {fault.problem}", f"remedy: {fault.remedy}") for fault in faults)
        print_fields("PROBLEMS", problems)
        raise typer.Exit(ExitStatus.REFUSED)
    say(f"Every file of {run} is what was written.")


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
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError
    from benchmark.core.plugin import KINDS, registered

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
    from benchmark.core.errors import UserError
    from benchmark.core.plugin import registered
    from benchmark.datasets.base import DataMissingError, Dataset
    from benchmark.datasets.reading.root import data_root

    root = data_root(given)
    fields = []
    for name, plugin in registered("dataset").items():
        if any(p.required for p in plugin.parameters()) or cast("type[Dataset]", plugin).phantom:
            continue
        try:
            fields.append((name, str(cast("Dataset", plugin()).locate(root=root))))
        except DataMissingError:
            fields.append((name, "not there"))
        except UserError as error:
            fields.append((name, f"cannot be used: {error.where}: {error.problem}"))
    print_fields(f"Data in {root} (`data where` says what to put there, `data check` reads it)", fields)
