"""Which plug-ins are not the project's own, and which steps run their code."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from benchmark.core.plugin import Plugin
from benchmark.models.module import Module
from benchmark.steps.base import Step

_ROOT = Path(__file__).parents[2]
_PACKAGES = frozenset({"benchmark", "attacks", "defenses", "detectors"})


def strangers(step: Step) -> frozenset[str]:
    """The plug-ins of others, and the functions that make networks, that a step and all that it needs rest on."""
    found: set[str] = set()
    _collect(step, found, set())
    return frozenset(found)


def is_strange(plugin: Plugin) -> bool:
    """Whether a plug-in is somebody else's, in whole or in part."""
    return not all(_of_the_project(c) for c in type(plugin).__mro__)


def _collect(value: Any, found: set[str], seen: set[int]) -> None:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Plugin):
        if is_strange(value):
            found.add(f"{value.kind} {value.name!r} ({type(value).__module__}.{type(value).__qualname__})")
        if isinstance(value, Module):
            found.add(f"factory {value.factory!r}")
    elif isinstance(value, (tuple, list)):
        for one in value:
            _collect(one, found, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _collect(getattr(value, field.name), found, seen)


def _of_the_project(cls: type) -> bool:
    package = cls.__module__.partition(".")[0]
    if package not in _PACKAGES:
        # Python's and libraries' own classes, such as abc.ABC, are nobody's plug-in.
        return not issubclass(cls, Plugin)
    try:
        file = inspect.getsourcefile(cls)
    except TypeError:
        return False
    return file is not None and Path(file).resolve().is_relative_to(_ROOT / package)
