"""What an annotation allows, in words."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union

from annotated_types import GroupedMetadata


@dataclass(frozen=True)
class Free:
    """Says in words what no bound can: which text will do where only a plug-in knows, or a range and one value."""

    what: str


def choices(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without their ranges."""
    return tuple(bare for bare, _ in _members(hint))


def type_in_words(hint: Any) -> str:
    """An annotation without its ranges, e.g. "int | None"."""
    return " | ".join("None" if c is type(None) else inspect.formatannotation(c) for c in choices(hint))


def range_in_words(hint: Any) -> str:
    """The range that an annotation states, e.g. "1 or more", "above 0", or what a text is; empty where it says none."""
    found = [words for bare, markers in _members(hint) if (words := _range((*markers, *_of_each(bare))))]
    return " or ".join(dict.fromkeys(found))


def allowed_in_words(hint: Any) -> str:
    """Everything that an annotation allows, e.g. "a whole number from 1 to 8, or "all""."""
    return ", or ".join(dict.fromkeys(words for bare, markers in _members(hint) if (words := _kind(bare, markers))))


def _members(hint: Any, markers: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Every member of a union with what its annotation says beside the type."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        inner, *metadata = typing.get_args(hint)
        yield from _members(inner, (*markers, *_flat(metadata)))
    elif origin in (Union, types.UnionType):
        for member in typing.get_args(hint):
            yield from _members(member, markers)
    else:
        yield hint, markers


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for marker in metadata:
        parts = marker if isinstance(marker, GroupedMetadata) else getattr(marker, "metadata", None)
        if parts is None:
            yield marker
        else:
            yield from _flat(parts)


def _range(markers: Iterable[Any]) -> str:
    bounds = {}
    for marker in markers:
        if isinstance(marker, Free):
            return marker.what
        for bound in ("ge", "gt", "le", "lt", "multiple_of"):
            value = getattr(marker, bound, None)
            if value is not None:
                bounds[bound] = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    if "ge" in bounds and "le" in bounds:
        words = [f"from {bounds['ge']} to {bounds['le']}"]
    else:
        lowest = bounds.get("ge")
        words = [f"{lowest} or more"] if lowest else []
        words += [
            f"{word} {bounds[k]}" for k, word in (("gt", "above"), ("le", "at most"), ("lt", "below")) if k in bounds
        ]
    if "multiple_of" in bounds:
        words.append(f"a multiple of {bounds['multiple_of']}")
    return " and ".join(words)


def _kind(bare: Any, markers: tuple[Any, ...]) -> str:
    within = _range(markers)
    if bare is type(None):
        return ""
    if bare is bool:
        return "true or false"
    if typing.get_origin(bare) is Literal:
        return _one_of(typing.get_args(bare))
    if isinstance(bare, type) and issubclass(bare, Enum):
        return _one_of(member.value for member in bare)
    if bare is str and within and not any(isinstance(m, Free) for m in markers):
        # A number that may be written as a fraction.
        return f"a number {within}"
    if bare in (int, float):
        return f"a {'whole ' * (bare is int)}number {within}".rstrip() if within else _any_number(bare)
    if bare is str:
        return f"text: {within}" if within else "text"
    if typing.get_origin(bare) in (list, tuple):
        return f"a list, each {allowed_in_words(typing.get_args(bare)[0])}"
    return inspect.formatannotation(bare)


def _of_each(bare: Any) -> tuple[Any, ...]:
    """What a list's annotation says of its elements."""
    if typing.get_origin(bare) not in (list, tuple):
        return ()
    return tuple(marker for _, markers in _members(typing.get_args(bare)[0]) for marker in markers)


def _any_number(bare: Any) -> str:
    return "any whole number that 64 bits can hold" if bare is int else "any finite number"


def _one_of(values: Iterable[Any]) -> str:
    return " or ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
