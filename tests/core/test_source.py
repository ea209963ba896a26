"""A cached result must not outlive the code that made it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from benchmark.core import source
from benchmark.core.discovery import import_plugin_file, load_plugins
from benchmark.core.source import code_digest, module_digest
from benchmark.models.module import Module


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


def forget() -> None:
    for cached in vars(source).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    importlib.invalidate_caches()


def digest() -> str:
    for name in [n for n in sys.modules if n.partition(".")[0] == "digested"]:
        del sys.modules[name]
    forget()
    return code_digest(importlib.import_module("digested.method").Method)


def test_a_change_in_what_a_method_imports_inside_a_function_changes_its_digest(package: Path) -> None:
    before = digest()
    assert digest() == before
    (package / "unrelated.py").write_text("x = 2\n")
    assert digest() == before
    (package / "arithmetic.py").write_text("def twice(x):\n    return 3 * x\n")
    assert digest() != before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plug-in file's folder, in which Python looks for modules, as in the current folder."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside_unrelated.py").write_text("x = 1\n")
    (tmp_path / "beside_deeper.py").write_text("VALUE = 1\n")
    (tmp_path / "beside_helper.py").write_text(
        "def load():\n    import beside_deeper\n    return beside_deeper.VALUE\n"
    )
    (tmp_path / "table.csv").write_text("1, 2\n")
    nested = tmp_path / "beside_package"
    nested.mkdir()
    (nested / "__init__.py").write_text("from . import inner\n")
    (nested / "inner.py").write_text("VALUE = 1\n")
    (tmp_path / "beside_namespace").mkdir()
    (tmp_path / "beside_namespace" / "leaf.py").write_text("VALUE = 1\n")
    return tmp_path


WAYS = {
    "import": ("import beside_helper", "beside_helper.py"),
    "import as": ("import beside_helper as h", "beside_helper.py"),
    "from import": ("from beside_helper import load", "beside_helper.py"),
    "import of an import": ("import beside_helper", "beside_deeper.py"),
    "inside a function": ("def f():\n    import beside_helper", "beside_helper.py"),
    "package": ("import beside_package", "beside_package/inner.py"),
    "package's module": ("import beside_package.inner", "beside_package/__init__.py"),
    "namespace package": ("def f():\n    import beside_namespace.leaf", "beside_namespace/leaf.py"),
    "import_module": (
        "import importlib\ndef f():\n    return importlib.import_module('beside_helper')",
        "beside_helper.py",
    ),
    "a name put together": (
        "import importlib\nh = importlib.import_module('beside_' + 'helper')",
        "beside_helper.py",
    ),
    "run from a path": (
        "import runpy\ndef f():\n    runpy.run_path(__file__.replace('plugin.py', 'beside_helper.py'))",
        "beside_helper.py",
    ),
    "a table": ("from pathlib import Path\nTABLE = Path(__file__).parent / 'table.csv'", "table.csv"),
    "under type checking": ("from beside_package.inner import VALUE", "beside_package/inner.py"),
}


def of_file(file: Path) -> str:
    """The digest of the method in a plug-in file, in a process that has seen nothing of it."""
    own = f"medrobust_plugin_{file.stem}_"
    for name in [n for n in sys.modules if n.startswith(("beside_", own))]:
        del sys.modules[name]
    forget()
    return code_digest(sys.modules[import_plugin_file(file)].Method)


@pytest.mark.parametrize(("code", "file"), WAYS.values(), ids=WAYS)
def test_an_edit_of_what_a_plugin_file_rests_on_changes_its_digest(code: str, file: str, folder: Path) -> None:
    plugin = folder / "plugin.py"
    plugin.write_text(f"{code}\nclass Method:\n    pass\n")
    before = of_file(plugin)
    assert of_file(plugin) == before
    (folder / "beside_unrelated.py").write_text("x = 2\n")
    assert of_file(plugin) == before
    (folder / file).write_text((folder / file).read_text() + "\n# edited\n")
    assert of_file(plugin) != before


def test_libraries_and_pythons_own_modules_stay_out() -> None:
    load_plugins()
    from attacks.square import Square

    forget()
    files = source._closure(Square.__module__, "attacks") | source._closure("tests.core.test_noise", "tests")
    root = Path(source.__file__).parents[2]
    assert [file for file in files if not file.is_relative_to(root)] == []
    assert {root / "attacks" / "searches" / "minimum_norm.py", root / "benchmark" / "core" / "noise.py"} <= files
    assert source._of_a_library("torch")
    assert source._of_a_library("os")
    assert source._of_a_library("sys")
    assert not source._of_a_library("tests")


def test_a_users_network_is_known_by_what_its_module_imports(folder: Path) -> None:
    (folder / "beside_network.py").write_text(
        "from beside_helper import load\nfrom torch import nn\ndef make():\n    return nn.Linear(1, load())\n"
    )

    def identity() -> object:
        for name in [n for n in sys.modules if n.startswith("beside_")]:
            del sys.modules[name]
        forget()
        return Module(factory="beside_network:make").identity()["contents"]

    before = identity()
    assert identity() == before
    (folder / "beside_deeper.py").write_text("VALUE = 2\n")
    assert identity() != before


def test_a_long_text_in_another_script_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 200 letters of three bytes each are more than a file's name may have.
    (tmp_path / "scripted.py").write_text(f"TEXT = '{'肺' * 200}'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert module_digest("scripted")
