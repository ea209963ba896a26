"""`python -m benchmark doctor`."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.core.exit_status import ExitStatus

Problem = tuple[str, str]
"""What is wrong, and what to do."""

Tell = Callable[[str, str, Iterable[tuple[str, object]]], None]
"""Takes a key for JSON, a title for people and, below it, names with values."""


def doctor(
    data_root: Annotated[Path | None, typer.Option(help="Where data are; by default $MEDROBUST_DATA.")] = None,
    run: Annotated[Path | None, typer.Option(help="Check every byte of this run folder, and nothing else.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Check the installation, the machine and the data, or a run folder; needs no network and computes nothing.

    Exit status 2 when something is broken that a run needs, or a file of the run is not what was written.
    """
    from benchmark.cli.console import print_fields, print_json, say

    report: dict[str, Any] = {}

    def tell(key: str, title: str, fields: Iterable[tuple[str, object]]) -> None:
        """Shown at once, since a library that is broken may end the process."""
        if as_json:
            report[key] = {
                name.replace(" ", "_"): value if isinstance(value, int) else str(value) for name, value in fields
            }
        else:
            print_fields(title, fields)

    if run is not None:
        problems, sound = _run_problems(run), f"Every file of {run} is what was written."
    else:
        problems, sound = _installation(data_root, tell), "Everything that a run needs is there."
    if as_json:
        print_json({**report, "problems": [{"problem": what, "remedy": remedy} for what, remedy in problems]})
    elif problems:
        print_fields("PROBLEMS", ((what, f"remedy: {remedy}") for what, remedy in problems))
    else:
        say(sound)
    if problems:
        raise typer.Exit(ExitStatus.REFUSED)


def _installation(data_root: Path | None, tell: Tell) -> list[Problem]:
    problems = _check_libraries(tell)
    if not problems:
        problems += _check_plugins(tell)
    _show_machine(tell, torch_works=not problems)
    if not problems:
        _show_data(tell, data_root)
    return problems


def _run_problems(run: Path) -> list[Problem]:
    from benchmark.records.inspection import run_faults

    return [(f"{fault.where}: {fault.problem}", fault.remedy) for fault in run_faults(run)]


def _check_libraries(tell: Tell) -> list[Problem]:
    from benchmark import __version__
    from benchmark.cli.installation import libraries

    found = list(libraries())
    fields = [("medrobust", __version__), ("python", f"{platform.python_version()} ({sys.executable})")]
    tell("versions", "Versions", [*fields, *((library.name, library.version) for library in found)])
    return [(f"{library.name}: {library.problem}", library.remedy) for library in found if library.problem]


def _check_plugins(tell: Tell) -> list[Problem]:
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError
    from benchmark.core.plugin import KINDS, registered

    try:
        load_plugins()
    except UserError as error:
        return [(f"{error.where}: {error.problem}", error.remedy)]
    tell("plugins", "Plug-ins", ((kind, len(registered(kind))) for kind in KINDS))
    return []


def _show_machine(tell: Tell, *, torch_works: bool) -> None:
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
    tell("machine", "Machine", fields)


def _show_data(tell: Tell, given: Path | None) -> None:
    from typing import cast

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
    title = f"Data in {root} (`data where` says what to put there, `data check` reads it)"
    tell("data", title, fields)
