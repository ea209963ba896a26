"""A package from outside: once it is installed, its plug-ins are like the project's own."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pandas as pd
import pytest

SOURCE = Path(__file__).parent / "third_party_package"
PLUGINS = {
    "attack": "stripes",
    "objective": "soft-margin",
    "defense": "dither",
    "detector": "logit-gap",
    "study": "brightness",
}

SUITE = """
    name = "outside"
    title = "Plug-ins from outside"
    [data]
    name = "chest-phantom"
    count = 400
    [classifier]
    name = "small-cnn"
    epochs = 2
    [evaluation]
    samples = 40
    replicates = 2
    [defense.none]
    [defense.dither]
    votes = 2
    [robustness]
    epsilon = "16/255"
    probes = 4
    diagnoses = 4
    [robustness.attack.stripes]
    steps = 5
    [robustness.attack.pgd]
    steps = 5
    objective = { name = "soft-margin", scale = 5.0 }
    [detection]
    epsilon = "16/255"
    [detection.attack.stripes]
    steps = 5
    [detector.logit-gap]
    [study.brightness]
    draws = 2
    samples = 4
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `pip install` leaves of the package: the modules, and the metadata that its pyproject.toml asks for."""
    folder = tmp_path_factory.mktemp("site-packages")
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    shutil.copytree(SOURCE / "medrobust_example", folder / "medrobust_example")
    info = folder / "medrobust_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    sections = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in points.items()) for group, points in groups]
    (info / "entry_points.txt").write_text("\n".join(sections))
    return folder


@pytest.mark.parametrize("kind", PLUGINS)
def test_a_plugin_takes_at_most_25_lines(kind):
    assert len((SOURCE / "medrobust_example" / f"{kind}.py").read_text().splitlines()) <= 25


def test_its_plugins_are_listed_with_where_they_come_from(python, installed):
    answer = python("-m", "benchmark", "list", "--json", path=(installed,))
    found = {(entry["kind"], entry["name"]): entry["origin"] for entry in json.loads(answer.stdout)}
    for kind, name in PLUGINS.items():
        assert found[kind, name].startswith(str(installed / "medrobust_example" / f"{kind}.py"))


def test_its_own_tests_pass_where_it_is_installed(python, installed, tmp_path):
    # Away from this repository, whose settings for pytest are not the package's.
    shutil.copytree(SOURCE / "tests", tmp_path / "tests")
    answer = python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path), path=(installed,))
    assert answer.returncode == 0, answer.stdout
    assert "5 passed" in answer.stdout


def test_its_plugins_get_their_rows(python, installed, tmp_path):
    suite, out = tmp_path / "outside.toml", tmp_path / "run"
    suite.write_text(SUITE)
    answer = python("-m", "benchmark", "run", "--suite", str(suite), "--out", str(out), path=(installed,))
    assert answer.returncode == 0, answer.stderr
    cells = pd.read_parquet(out / "samples.parquet")[["defense", "attack", "detector"]].drop_duplicates()
    rows = set(cells.itertuples(index=False, name=None))
    assert {("dither", "stripes", "none"), ("dither", "pgd", "none"), ("none", "stripes", "logit-gap")} <= rows
    manifest = json.loads((out / "manifest.json").read_text())
    assert {c["facts"]["objective"] for c in manifest["cells"] if c["attack"] == "pgd"} == {"soft-margin"}
    assert "dither" in (out / "leaderboard.md").read_text()
    studied = pd.read_csv(out / "studies.csv")
    assert studied["defense"].tolist() == ["none", "dither"]
    assert studied["value"].notna().all()
