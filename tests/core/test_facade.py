"""What packages offer under their own names."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.core import source
from benchmark.core.discovery import import_plugin_file
from benchmark.core.facade import offered
from tests.conftest import ROOT

PACKAGES = ("attacks", "benchmark", "benchmark.datasets", "benchmark.models", "defenses", "detectors")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_the_one_in_its_own_module(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    names = offered(Path(module.__file__))
    assert {*names} == {*module.__all__} - {"__version__"}
    assert {*names} <= {*dir(module)}
    for name, where in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(where), name)
    with pytest.raises(AttributeError, match="no attribute 'Atack'"):
        _ = module.Atack


def test_importing_a_package_loads_nothing_heavy() -> None:
    imports = "; ".join(f"import {package}" for package in PACKAGES)
    code = f"import sys; {imports}; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("code", ["from attacks import IterativeAttack", "import attacks"])
def test_a_plugin_rests_on_the_module_that_a_name_comes_from(code: str, tmp_path: Path) -> None:
    file = tmp_path / "resting.py"
    file.write_text(f"def f():\n    {code}\n")
    closure = source._closure(import_plugin_file(file), "")
    assert ROOT / "attacks" / "searches" / "iterative.py" in closure
    assert (ROOT / "detectors" / "base.py" in closure, ROOT / "attacks" / "pgd.py" in closure) == (False, False)
