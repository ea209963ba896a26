"""`python -m benchmark list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from benchmark.core.plugin import Plugin


def list_plugins(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="attack, objective, gradient, defense, detector, dataset, classifier or suite; all by default."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known as JSON.")] = False,
    plugin: Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")] = None,
) -> None:
    """List the plug-ins and the suites."""
    from benchmark.cli.console import print_document, print_table
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.plugin import KINDS, registered

    known = [*KINDS, "suite"]
    if kind is not None and kind not in known:
        raise UserError(f"unknown kind {kind!r}", where="list", remedy=did_you_mean(kind, known))
    wanted = known if kind is None else [kind]
    load_plugins(plugin or (), kinds=[k for k in wanted if k in KINDS])
    plugins = [found for k in wanted if k in KINDS for found in registered(k).values()]
    suites = _suites() if "suite" in wanted else []
    if as_json:
        import json

        # ASCII escapes, because whoever reads this may not expect UTF-8.
        print_document(json.dumps([*map(_entry, plugins), *suites], indent=2))
    else:
        rows = [(found.kind, found.name, found.summary()) for found in plugins]
        rows += [(suite["kind"], suite["name"], suite["summary"]) for suite in suites]
        print_table(("kind", "name", "what it is"), rows)


def _entry(plugin: type[Plugin]) -> dict[str, Any]:
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "summary": plugin.summary(),
        "source": plugin.source,
        "version": plugin.version,
        "origin": plugin.origin(),
        "traits": {name: _plain(value) for name, value in plugin.traits().items()},
        "parameters": [
            {
                "name": p.name,
                "type": p.annotation,
                "range": p.allowed,
                "required": p.required,
                "default": _plain(p.default),
            }
            for p in plugin.parameters()
        ],
    }


def _suites() -> list[dict[str, Any]]:
    from benchmark.suites.suite import read_suite, suite_names

    found = [(name, *read_suite(name)) for name in suite_names()]
    return [{"kind": "suite", "name": n, "summary": suite.title, "origin": str(path)} for n, suite, path in found]


def _plain(value: Any) -> Any:
    """What JSON can hold; infinities, which it cannot, as text."""
    if isinstance(value, (set, frozenset, tuple, list)):
        plain = [_plain(v) for v in value]
        return sorted(plain, key=str) if isinstance(value, (set, frozenset)) else plain
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return str(value)
