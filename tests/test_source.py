"""A cached result must not outlive the code that made it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from benchmark.source import _digest, _file, _imports, code_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "digested"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "arithmetic.py").write_text("def twice(x):\n    return 2 * x\n")
    (folder / "unrelated.py").write_text("x = 1\n")
    (folder / "method.py").write_text(
        "class Method:\n    def run(self, x):\n        from digested.arithmetic import twice\n        return twice(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def digest() -> str:
    for name in [n for n in sys.modules if n.partition(".")[0] == "digested"]:
        del sys.modules[name]
    for cached in (_digest, _file, _imports):
        cached.cache_clear()
    importlib.invalidate_caches()
    return code_digest(importlib.import_module("digested.method").Method)


def test_a_change_in_what_a_method_imports_inside_a_function_changes_its_digest(package: Path) -> None:
    before = digest()
    assert digest() == before
    (package / "unrelated.py").write_text("x = 2\n")
    assert digest() == before
    (package / "arithmetic.py").write_text("def twice(x):\n    return 3 * x\n")
    assert digest() != before
