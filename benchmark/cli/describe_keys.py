"""What `describe` says about the keys of every suite: what each may be, from the annotations that check it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from benchmark.core.allowed import allowed_in_words, choices
from benchmark.suites.suite import Suite


def suite_keys() -> Iterator[str]:
    """One line for every key of a suite that is not a plug-in's setting, e.g. "evaluation.replicates: …"."""
    yield from _keys(Suite, "")


def _keys(table: type[BaseModel], path: str) -> Iterator[str]:
    hints = get_type_hints(table, include_extras=True)
    for name, field in table.model_fields.items():
        if (table, name) == (Suite, "profile"):
            # The command line says it, not the file.
            continue
        below = list(_tables(hints[name], f"{path}{name}"))
        for inner, place in below:
            yield from _keys(inner, f"{place}.")
        allowed = allowed_in_words(_plain(hints[name]))
        if allowed:
            default = "(required)" if field.is_required() else f"by default {_shown(field.default)}"
            yield f"{path}{name}: {allowed}; {default}"


def _tables(hint: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The tables that an annotation allows, and where their keys stand; a table of labels has LABEL in its place."""
    for kind in choices(hint):
        if get_origin(kind) is dict:
            yield from _tables(get_args(kind)[1], f"{path}.LABEL")
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind, path


def _plain(hint: Any) -> Any:
    """The members of an annotation that are no tables."""
    members = [hint] if get_origin(hint) is Annotated else list(get_args(hint)) if len(choices(hint)) > 1 else [hint]
    return Union[tuple(m for m in members if not list(_tables(m, ""))) or (None,)]  # noqa: UP007


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return "none" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
