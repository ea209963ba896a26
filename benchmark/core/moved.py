"""Modules under the names that plug-ins written earlier import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "attacks.aim": "attacks.objectives.aim",
    "attacks.ball": "attacks.geometry.ball",
    "attacks.candidates": "attacks.searches.candidates",
    "attacks.iterative": "attacks.searches.iterative",
    "attacks.step_size": "attacks.searches.step_size",
    "benchmark.datasets.assemble": "benchmark.datasets.reading.assemble",
    "benchmark.datasets.decode": "benchmark.datasets.reading.decode",
    "benchmark.errors": "benchmark.core.errors",
    "benchmark.features": "benchmark.core.features",
    "benchmark.frozen": "benchmark.core.frozen",
    "benchmark.images": "benchmark.core.images",
    "benchmark.noise": "benchmark.core.noise",
    "benchmark.plain_file": "benchmark.core.plain_file",
    "benchmark.plugin": "benchmark.core.plugin",
    "benchmark.settings": "benchmark.core.settings",
    "benchmark.threat": "benchmark.core.threat",
}
"""The old name of each, and where it lies now."""


class _Alias(Loader):
    own: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(MOVED[spec.name])
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It ran under its own name, and is to go on saying so.
        module.__spec__ = self.own


class MovedFinder(MetaPathFinder):
    """Answers an old name with the module itself, so that no class exists twice."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for an old name; None for any other."""
        del path, target
        return ModuleSpec(fullname, _Alias()) if fullname in MOVED else None


def install() -> None:
    """Let old names be imported from now on."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())
