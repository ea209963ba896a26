"""Which steps run other people's code."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmark.core.ownership import is_strange
from benchmark.core.plugin import Plugin
from benchmark.models.given import Given
from benchmark.models.module import Module
from benchmark.steps.base import Step


def strangers(step: Step) -> frozenset[str]:
    """The plug-ins of others, and the functions that make networks, that a step and all that it needs rest on."""
    found: set[str] = set()
    _collect(step, found, set())
    return frozenset(found)


def _collect(value: Any, found: set[str], seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Plugin):
        if is_strange(value):
            found.add(f"{value.kind} {value.name!r} ({type(value).__module__}.{type(value).__qualname__})")
        if isinstance(value, Module):
            found.add(f"factory {value.factory!r}")
        if isinstance(value, Given):
            found.add("the network that was handed over")
    elif isinstance(value, (tuple, list)):
        for one in value:
            _collect(one, found, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _collect(getattr(value, field.name), found, seen)
