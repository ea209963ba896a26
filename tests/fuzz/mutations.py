"""Suites with something changed that a careless or a hostile hand might change."""

from __future__ import annotations

import copy
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmark.planning import planner
from tests.run.tiny import TINY

SHIPPED = Path(planner.__file__).parents[1] / "suites"
BASES = [TINY, *(path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.toml")))]

NUMBERS: list[Any] = [-1, 0, 1, 2, 10**6, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63), -0.0, 0.5, 1e-320, 1e-9]
NUMBERS += [1.0, 1e9, 1e308, -1e308, math.nan, math.inf, -math.inf]
TEXTS: list[Any] = [
    "",
    " ",
    "x",
    "none",
    "pgd",
    "*",
    "8/255",
    "-1/255",
    "1/0",
    "1e999",
    "../..",
    "worst case",
    "a" * 99,
]
TEXTS += ["\x1b[2J", "\u202e", "os:system", "sys:exit", "/dev/zero", "linf", "l2", "spatial", "all", "auto", "true"]
OTHERS: list[Any] = [True, False, [], [[]], [1, "a"], {}, {"name": "x"}, {"a": {"b": {}}}, ["none"], ["*"], ["nope"]]
VALUES = st.one_of(
    st.sampled_from([*NUMBERS, *TEXTS, *OTHERS]),
    st.integers(1, 99),
    st.floats(0, 1),
    st.integers() | st.floats() | st.text(max_size=9) | st.booleans(),
)
KEYS = st.sampled_from(
    [key for key in re.split(r"\W+", "".join(BASES)) if key.isalpha()] + ["quality", "votes", "none", "profile"]
) | st.text(max_size=5)
PIECES = [
    "[",
    "]",
    "[[",
    "=",
    '"',
    "'",
    "\n",
    "#",
    "{",
    "}",
    ",",
    ".",
    "nan",
    "-",
    "0x",
    "\x00",
    "\ufeff",
    "é",
    "1979-05-27",
]
PIECES += [
    "[robustness.attack.clean]\n",
    "[profile.quick]\n",
    "a." * 99,
    "[" * 2000,
    "9" * 5000,
    "{a=" * 2000,
    '"""',
    "1979-05-27",
]


def paths(tables: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of nested tables is."""
    for key in tables if isinstance(tables, dict) else range(len(tables)):
        yield (*above, key)
        if isinstance(tables[key], (dict, list)):
            yield from paths(tables[key], (*above, key))


def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value) if math.isfinite(value) else {"nan": "nan", "inf": "inf"}.get(str(value), "-inf")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{text(key)} = {written(below)}" for key, below in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return text(str(value))


def text(value: str) -> str:
    """A TOML string; a character that TOML has no way to write becomes a question mark."""
    plain = value.encode("utf-8", "replace").decode()
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in plain) + '"'


def at(tables: Any, path: tuple[Any, ...]) -> Any:
    """The table or list that holds the value at `path`."""
    for key in path[:-1]:
        tables = tables[key]
    return tables


@st.composite
def changed_values(draw: Any, bases: tuple[str, ...]) -> str:
    """A suite in which values were replaced, removed, added, renamed or moved."""
    tables = tomllib.loads(draw(st.sampled_from(bases)))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        found = list(paths(tables))
        if not found:
            break
        path = draw(st.sampled_from(found))
        holder, key = at(tables, path), path[-1]
        action = draw(st.sampled_from(["replace", "replace", "replace", "add", "remove", "rename", "copy"]))
        if action == "replace":
            holder[key] = copy.deepcopy(draw(VALUES))
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(draw(VALUES)))
        elif action == "add":
            inside = holder[key] if isinstance(holder[key], dict) else holder
            inside[draw(KEYS)] = copy.deepcopy(draw(VALUES))
        elif action == "rename":
            holder[draw(KEYS)] = holder.pop(key)
        else:
            holder[draw(KEYS)] = copy.deepcopy(holder[key])
    return "\n".join(f"{text(key)} = {written(value)}" for key, value in tables.items())


@st.composite
def changed_text(draw: Any, bases: tuple[str, ...]) -> bytes:
    """A suite in whose text something was inserted, cut out or doubled."""
    content = draw(st.sampled_from(bases))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 40)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=4), st.just(content[start:stop] * 2)))
        content = content[:start] + piece + content[stop:]
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"]))
    return content.encode(encoding, "replace")
