"""Whose code a plug-in is."""

from __future__ import annotations

import inspect
from pathlib import Path

from benchmark.core.plugin import Plugin

_ROOT = Path(__file__).parents[2]
_PACKAGES = frozenset({"benchmark", "attacks", "defenses", "detectors"})


def is_strange(plugin: Plugin) -> bool:
    """Whether a plug-in is somebody else's, in whole or in part."""
    return not all(_of_the_project(c) for c in type(plugin).__mro__)


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
