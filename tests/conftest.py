"""What tests of every package share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from benchmark.core import plugin
from benchmark.core.discovery import load_plugins

# A package of its own, with tests of its own, which run where it is installed.
collect_ignore = ["third_party_package"]

ROOT = Path(__file__).parents[1]

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long each fuzz test goes on."""
    parser.addoption("--fuzz-minutes", type=float, help="minutes for each test in tests/fuzz; by default 12 seconds")


_LONG = ("fuzz/", "test_third_party", "evaluation/test_flag_controls", "run/", "records/", "engines/", "corner/")
"""Tests that take longest. In this order half of them are among the first that either of two processes is given."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that processes that share the tests end together."""

    def place(item: pytest.Item) -> int:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        return next((number for number, long in enumerate(_LONG) if file.startswith(long)), len(_LONG))

    items.sort(key=place)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's plug-ins are registered; what the test registers beside them is forgotten afterwards."""
    load_plugins()
    monkeypatch.setattr(plugin, "_registry", {kind: dict(found) for kind, found in plugin._registry.items()})
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        if name.startswith("medrobust_plugin_"):
            del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a process of its own, on this checkout, with extra folders on its path."""

    def run(*arguments: str, path: tuple[Path, ...] = (), **settings: str) -> subprocess.CompletedProcess[str]:
        folders = [str(folder) for folder in (*path, ROOT)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "OMP_NUM_THREADS": "1", **settings}
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )

    return run
