"""`python -m benchmark list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmark.core.plugin import Plugin


def list_plugins(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="attack, objective, gradient, defense, detector, dataset, classifier, study or suite; all by default.",
            autocompletion=words.kinds,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known as JSON.")] = False,
    plugin: Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")] = None,
) -> None:
    """List the plug-ins and the suites."""
    from benchmark.cli.console import print_json, print_table
    from benchmark.cli.entry import entry
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.plugin import KINDS

    known = [*KINDS, "suite"]
    if kind is not None and kind not in known:
        raise UserError(f"unknown kind {kind!r}", where="list", remedy=did_you_mean(kind, known))
    wanted = known if kind is None else [kind]
    kinds = [k for k in wanted if k in KINDS]
    suites = _suites() if "suite" in wanted else []
    if as_json:
        print_json([*map(entry, _loaded(kinds, plugin or ())), *suites])
    else:
        rows = [*_lines(kinds, plugin or ()), *((suite["kind"], suite["name"], suite["summary"]) for suite in suites)]
        print_table(("kind", "name", "what it is"), rows)


def _lines(kinds: Sequence[str], extra: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Kind, name and summary of each plug-in; the project's own are read and not imported where there are no others."""
    from benchmark.core.discovery import of_other_packages
    from benchmark.core.own_plugins import own_plugins

    if extra or of_other_packages():
        yield from ((found.kind, found.name, found.summary()) for found in _loaded(kinds, extra))
    else:
        yield from (line for kind in kinds for line in own_plugins(kind))


def _loaded(kinds: Sequence[str], extra: Sequence[str]) -> list[type[Plugin]]:
    from benchmark.core.discovery import load_plugins
    from benchmark.core.plugin import registered

    load_plugins(extra, kinds=kinds)
    return [found for kind in kinds for found in registered(kind).values()]


def _suites() -> list[dict[str, Any]]:
    from benchmark.suites.suite import read_suite, suite_names

    found = [(name, *read_suite(name)) for name in suite_names()]
    return [{"kind": "suite", "name": n, "summary": suite.title, "origin": str(path)} for n, suite, path in found]
