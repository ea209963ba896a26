"""`new`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

KINDS = ("attack", "objective", "gradient", "defense", "detector", "study")


def test_what_it_writes_keeps_its_contract_and_can_be_listed(medrobust, tmp_path, python):
    for kind in KINDS:
        assert medrobust("new", kind, "my-first", "--out", tmp_path).status == 0
    answer = python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert answer.returncode == 0, answer.stdout
    assert "6 passed" in answer.stdout
    for kind in KINDS:
        listed = medrobust("list", kind, "--plugin", tmp_path / f"my_first_{kind}.py")
        assert " my-first " in listed.out, listed.err


def test_what_it_writes_satisfies_the_linter(medrobust, tmp_path):
    for kind in KINDS:
        medrobust("new", kind, "my-first", "--out", tmp_path)
    pytest.importorskip("ruff", reason="ruff is not installed")
    files = [str(tmp_path / f"my_first_{kind}.py") for kind in KINDS]
    checks = "D,E,F,I,N,UP,W,RUF"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", "--select", checks]
    command += ["--ignore", "D107,D203,D213,RUF002", "--config", 'lint.pydocstyle.convention = "google"']
    answer = subprocess.run([*command, *files], capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("taken", ["my_first_defense.py", "test_my_first_defense.py"])
def test_an_existing_file_is_left_alone(medrobust, tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    answer = medrobust("new", "defense", "my-first", "--out", tmp_path)
    assert answer.status == 2
    assert f"{tmp_path / taken}: is already there" in answer.err
    assert [file.name for file in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_no_file_hides_a_standard_module(medrobust, tmp_path):
    for name in ("random", "json", "class", "torch"):
        assert medrobust("new", "defense", name, "--out", tmp_path).status == 0
    assert sorted(f.name for f in tmp_path.glob("[!t]*.py")) == [
        f"{name}_defense.py" for name in ("class", "json", "random")
    ]
    assert (tmp_path / "torch_defense.py").exists()


def test_a_name_that_ends_in_its_kind_does_not_say_it_twice(medrobust, tmp_path):
    medrobust("new", "defense", "my-defense", "--out", tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "my_defense.py").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dataset", "mine"], "no skeleton for kind 'dataset'"),
        (["atack", "mine"], "did you mean 'attack'"),
        (["attack", "pgd"], "attack 'pgd' exists already"),
        (["attack", "../evil"], "'../evil' is not a name"),
        (["attack", "3d"], "'3d' is not a name"),
    ],
)
def test_what_cannot_be_made_is_refused(medrobust, tmp_path, arguments, said):
    answer = medrobust("new", *arguments, "--out", tmp_path)
    assert answer.status == 2
    assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_reported(medrobust, tmp_path):
    (tmp_path / "file").write_text("")
    answer = medrobust("new", "attack", "mine", "--out", tmp_path / "file")
    assert answer.status == 2
    assert "cannot be written" in answer.err
