"""Which steps of a plan an edit computes anew: all whose numbers rest on the file, and no others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SUITE = """
name = "keys"
title = "Keys"
[data]
name = "chest-phantom"
size = 28
count = 200
[classifier]
name = "small-cnn"
[evaluation]
samples = 20
replicates = 2
[defense.none]
[defense.jpeg]
[robustness]
epsilon = "8/255"
probes = 4
[robustness.attack.mi-fgsm]
[robustness.attack.nes]
[detection]
epsilon = "8/255"
[detection.attack.bim]
[detection.attack."bim+hfc"]
method = "bim"
objective = "hfc"
trained_on = "bim"
[detector.kd]
[detector.maha]
"""

PLAN = """
import json, sys
from pathlib import Path
import attacks
from benchmark.core import source
from benchmark.core.discovery import load_plugins
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.planning.planner import make_plan
from benchmark.suites.suite import read_suite

root, path, edited = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
assert Path(attacks.__file__).parents[1] == root
load_plugins()
suite, file = read_suite(path, "quick")
data = ChestPhantom(size=28, count=200).load(root=None)

def keys():
    for cached in vars(source).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    steps = make_plan(suite, file, data).steps
    return {f"{s.kind}: {s.label}": s.key for s in steps}, {f"{s.kind}: {s.label}": s.draws for s in steps}

before, draws = keys()
changed = {"all": list(before)}
for name in edited:
    content = (root / name).read_bytes()
    (root / name).write_bytes(content + b"\\n# edited\\n")
    now, drawn = keys()
    changed[name] = [label for label, key in now.items() if key != before[label]]
    assert drawn == draws, f"{name}: an edit of code alone draws other random numbers"
    (root / name).write_bytes(content)
assert keys() == (before, draws)
print(json.dumps(changed))
"""

NOTHING = (
    "benchmark/core/progress.py",
    "benchmark/core/undisturbed.py",
    "benchmark/cli/list.py",
    "benchmark/engines/local.py",
    "benchmark/evaluation/clinical.py",
    "benchmark/manifest.py",
    "benchmark/planning/planner.py",
    "benchmark/records/store.py",
    "leaderboard/board.py",
    "leaderboard/pages/markdown.py",
    "attacks/cw_l2.py",
    "attacks/standard_v1.py",
    "defenses/ebm.py",
    "detectors/lid.py",
    "benchmark/models/vgg16.py",
    "benchmark/testing/attack.py",
)
"""Shown, kept, judged, planned; and plug-ins that the suite does not name."""

AFTER = {
    "train": ("train", "fit", "clean", "probe", "diagnose", "features", "attack", "detect"),
    "fit": ("fit", "clean", "probe", "diagnose", "features", "attack", "detect"),
    "clean": ("clean", "probe", "diagnose", "attack", "detect"),
    "features": ("features", "attack: none × bim+hfc", "attack: jpeg × bim+hfc", "detect"),
    "attack": ("attack", "detect"),
    "detect": ("detect",),
}
"""What the results of a kind of step reach."""

ANEW = {
    "benchmark/core/noise.py": AFTER["train"],
    "benchmark/core/images.py": AFTER["train"],
    "benchmark/models/small_cnn.py": AFTER["train"],
    "benchmark/models/training/loop.py": AFTER["train"],
    "benchmark/core/defended.py": AFTER["train"],
    "benchmark/steps/fit.py": AFTER["fit"],
    "benchmark/steps/learn.py": AFTER["fit"],
    "defenses/base.py": AFTER["fit"],
    "benchmark/verdicts/server.py": AFTER["clean"],
    "benchmark/verdicts/defendant.py": AFTER["clean"],
    "benchmark/steps/verdict.py": AFTER["clean"],
    "attacks/base.py": ("attack", "detect", "probe", "diagnose"),
    "attacks/victim.py": ("attack", "detect", "probe", "diagnose"),
    "attacks/searches/iterative.py": ("attack", "detect", "probe", "diagnose"),
    "attacks/geometry/ball.py": ("attack", "detect", "probe", "diagnose"),
    "attacks/gradients/fast_copy.py": AFTER["attack"],
    "benchmark/evaluation/flags/slopes.py": ("probe", "diagnose"),
    "benchmark/steps/detect.py": ("detect",),
    "benchmark/steps/detector_scoring.py": ("detect",),
    "detectors/base.py": ("detect",),
    "benchmark/core/statistics/gaussian.py": ("detect: none × bim × maha", "detect: none × bim+hfc × maha"),
    "attacks/mi_fgsm.py": ("attack: none × mi-fgsm", "attack: jpeg × mi-fgsm"),
}
"""Beginnings of the names of the steps that an edit computes anew, each of them."""


OF_ONE_DEFENSE = ("defenses/jpeg.py", "defenses/compression/differentiable_jpeg.py")

OF_ONE_OBJECTIVE = {
    "attacks/objectives/target_density.py": "no such row",
    "attacks/objectives/hfc.py": "bim+hfc",
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The steps whose keys an edit changes, by the edited file, in a copy of the project."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("attacks", "benchmark", "defenses", "detectors", "leaderboard"):
        kept = shutil.ignore_patterns("__pycache__", "published")
        shutil.copytree(ROOT / package, root / package, ignore=kept)
    suite = root / "keys.toml"
    suite.write_text(SUITE, encoding="utf-8")
    edited = [*NOTHING, *ANEW, *OF_ONE_DEFENSE, *OF_ONE_OBJECTIVE]
    answer = subprocess.run(
        [sys.executable, "-c", PLAN, str(root), str(suite), *edited],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found: dict[str, list[str]] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("file", NOTHING)
def test_what_no_number_rests_on_computes_nothing_anew(file: str, changed: dict[str, list[str]]) -> None:
    assert changed[file] == []


@pytest.mark.parametrize("file", ANEW)
def test_what_numbers_rest_on_computes_these_anew(file: str, changed: dict[str, list[str]]) -> None:
    assert changed[file] == [label for label in changed["all"] if label.startswith(ANEW[file])]


@pytest.mark.parametrize("file", OF_ONE_DEFENSE)
def test_the_rows_of_other_defenses_stay(file: str, changed: dict[str, list[str]]) -> None:
    expected = [label for label in changed["all"] if "jpeg" in label]
    assert expected
    assert changed[file] == expected


@pytest.mark.parametrize("file", OF_ONE_OBJECTIVE)
def test_the_rows_of_other_objectives_stay(file: str, changed: dict[str, list[str]]) -> None:
    expected = [label for label in changed["all"] if f"× {OF_ONE_OBJECTIVE[file]}" in label]
    assert bool(expected) == (file != "attacks/objectives/target_density.py")
    assert changed[file] == expected
