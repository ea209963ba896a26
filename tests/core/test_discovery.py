"""Where plug-ins come from, and what is said about those that do not load."""

from __future__ import annotations

import json
import sys
from textwrap import dedent

import pytest

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.plugin import look_up, registered

pytestmark = pytest.mark.usefixtures("registry")

PLUGIN = """
    from defenses.base import DefendedModel, Defense

    class Found(Defense):
        name = "found-{name}"
        source = "a test"
        def defend(self, classifier):
            return DefendedModel(classifier)
"""


@pytest.fixture
def write(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return file

    return write


def load(reference):
    load_plugins([str(reference)], kinds=[])


def test_a_file_is_loaded(write):
    file = write("my plugin.py", PLUGIN.format(name="in-file"))
    load(file)
    assert look_up("defense", "found-in-file").origin() == f"{file}:4"


def test_the_same_file_may_be_given_again_and_by_other_paths(write, tmp_path, monkeypatch):
    file = write("folder/mine.py", PLUGIN.format(name="twice"))
    (tmp_path / "link.py").symlink_to(file)
    (tmp_path / "linked").symlink_to(file.parent)
    monkeypatch.chdir(tmp_path)
    load_plugins([str(file), "folder/mine.py", "link.py", "linked/mine.py", "folder/../folder/mine.py"], kinds=[])
    first = look_up("defense", "found-twice")
    load("link.py")
    assert look_up("defense", "found-twice") is first


def test_a_file_that_is_a_loaded_module_is_not_run_again(write, monkeypatch, tmp_path):
    file = write("as_module.py", PLUGIN.format(name="as-module"))
    monkeypatch.syspath_prepend(tmp_path)
    load("as_module")
    first = look_up("defense", "found-as-module")
    load(file)
    assert look_up("defense", "found-as-module") is first
    monkeypatch.delitem(sys.modules, "as_module")


def test_files_that_share_a_name_are_different_modules(write):
    for folder in ("one", "two"):
        load(write(f"{folder}/mine.py", PLUGIN.format(name=folder)))
    assert look_up("defense", "found-one").__module__ != look_up("defense", "found-two").__module__


def test_a_copy_of_a_file_is_a_collision_that_names_both(write):
    one, two = (write(f"{folder}/mine.py", PLUGIN.format(name="copied")) for folder in ("one", "two"))
    load(one)
    with pytest.raises(UserError) as caught:
        load(two)
    assert f"{one}:4" in str(caught.value)
    assert f"{two}:4" in str(caught.value)


def test_a_modules_name_does_not_depend_on_the_process(write, python):
    file = write(
        "mine.py", 'from benchmark.core.plugin import Plugin\nclass K(Plugin):\n    kind = "dataset"\n    name = "x"\n'
    )
    program = f"from benchmark.core.discovery import load_plugins as l\nl([{str(file)!r}], kinds=[])\n"
    program += "from benchmark.core.plugin import look_up\nprint(look_up('dataset', 'x').__module__)"
    names = {python("-c", program, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(names) == 1
    assert names.pop().startswith("medrobust_plugin_mine_")


def test_a_module_of_the_current_folder_is_found(write, tmp_path, monkeypatch):
    write("package_here/__init__.py", "from package_here import inner\n")
    write("package_here/inner.py", PLUGIN.format(name="in-package"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    load("package_here")
    assert look_up("defense", "found-in-package").__module__ == "package_here.inner"
    load("package_here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:\n", r"SyntaxError: .*broken\.py, line 1"),
        ("\n\nx = undefined_name\n", r"NameError: name 'undefined_name' is not defined\), at .*broken\.py:3"),
        ("import a_module_nobody_has\n", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
        ("import sys\nsys.exit(0)\n", r"SystemExit: 0\), at .*broken\.py:2"),
        ("import json\njson.loads('{')\n", r"JSONDecodeError: .*at .*broken\.py:2"),
        ("x = '\x00'\n", "null byte"),
        ("# nothing here\n", "defines no plug-in"),
        ("from defenses.base import Defense\nclass Nameless(Defense):\n    pass\n", "defines no plug-in"),
        (
            "from defenses.base import Defense\nclass Half(Defense):\n    name = 'half'\n",
            r"broken\.py:2: defense 'half' has no method 'defend'",
        ),
    ],
)
def test_a_broken_file_is_a_user_error_that_says_what_and_where(write, text, said):
    with pytest.raises(UserError, match=said) as caught:
        load(write("broken.py", text))
    assert "broken.py" in str(caught.value)
    assert caught.value.remedy


def test_a_file_that_was_broken_and_is_mended_loads(write):
    file = write("mended.py", "x = undefined_name\n")
    with pytest.raises(UserError):
        load(file)
    write("mended.py", PLUGIN.format(name="mended"))
    load(file)
    assert "found-mended" in registered("defense")


@pytest.mark.parametrize(
    "reference", ["absent.py", "some/absent.py", "some/folder", "no_such_module", "no.such.module"]
)
def test_what_is_not_there_is_a_user_error(reference, tmp_path, monkeypatch):
    (tmp_path / "some" / "folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no such plug-in file") as caught:
        load(reference)
    assert reference in str(caught.value)


def test_an_installed_package_that_does_not_load_is_named(write, tmp_path, monkeypatch):
    write("bad_package.py", "raise RuntimeError('out of order')\n")
    write("bad-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: bad-distribution\nVersion: 1.0\n")
    write("bad-1.0.dist-info/entry_points.txt", "[medrobust.plugins]\nbad = bad_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"RuntimeError: out of order\), at .*bad_package\.py:1") as caught:
        load_plugins(kinds=[])
    assert caught.value.where == "entry point 'bad' of bad-distribution (bad_package)"
    assert "uninstall" in caught.value.remedy


def test_listing_the_projects_plugins_imports_no_heavy_library(python):
    heavy = ["torchvision", "torchattacks", "foolbox", "sklearn", "scipy", "medmnist", "pandas", "PIL", "matplotlib"]
    program = "from benchmark.core.discovery import load_plugins\nload_plugins()\nimport json, sys\n"
    program += f"print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    assert json.loads(python("-c", program).stdout) == []
