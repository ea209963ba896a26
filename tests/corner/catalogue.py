"""Every control, found in its file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmark.core import plugin
from benchmark.core.discovery import load_plugins

HERE = Path(__file__).parent
FILES = tuple(sorted([*HERE.glob("dishonest/*.py"), *HERE.glob("honest/*.py"), HERE / "task.py"]))


def _load() -> tuple[dict[str, dict[str, type[plugin.Plugin]]], dict[str, list[type[Any]]]]:
    """The registry with the controls in it, and the controls by kind; nothing stays registered."""
    load_plugins()
    registry = {kind: dict(found) for kind, found in plugin._registry.items()}
    with patch.object(plugin, "_registry", registry):
        load_plugins([str(file) for file in FILES])
    found: dict[str, list[type[Any]]] = {}
    for kind in registry.values():
        for cls in kind.values():
            file = Path(inspect.getfile(cls))
            if file in FILES:
                found.setdefault(f"{file.parent.name}/{file.stem}", []).append(cls)
    return registry, found


REGISTRY, CONTROLS = _load()
HONEST = [control for kind, every in CONTROLS.items() if kind.startswith("honest/") for control in every]
ATTACKS = CONTROLS["dishonest/attacks"]
DETECTORS = CONTROLS["dishonest/detectors"]
DISHONEST = {
    kind.partition("/")[2]: classes
    for kind, classes in CONTROLS.items()
    if kind.startswith("dishonest/") and classes not in (ATTACKS, DETECTORS)
}
