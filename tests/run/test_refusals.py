"""Whatever cannot work is refused before any work, with file, key and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core.errors import UserError
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, prepare

WRONG = [
    ("[robustness.attack.pdg]\n", "robustness.attack.pdg", "did you mean 'pgd'"),
    ("[defense.jpg]\n", "defense.jpg", "did you mean 'jpeg'"),
    ("[detector.mahalanobis]\n", "detector.mahalanobis", "maha"),
    ("[robustness.attack.square2]\nmethod = 'square'\nnorm = 'l2'\n", "robustness.attack.square2.norm", "linf"),
    ("[robustness.attack.cw]\nmethod = 'cw-linf'\nnorm = 'l2'\n", "robustness.attack.cw.norm", "linf"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nstep = 3\n", "robustness.attack.x", "did you mean 'steps'"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nepsilon = 'big'\n", "robustness.attack.x.epsilon", "8/255"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nepsilon = -0.1\n", "robustness.attack.x.epsilon", "0 or more"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nnorm = 'l7'\n", "robustness.attack.x.norm", "linf"),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\nobjective = 'hfc'\n",
        "robustness.attack.x.objective",
        "[detection.attack",
    ),
    ("[robustness.attack.x]\nmethod = 'pgd'\nobjective = 'magin'\n", "robustness.attack.x.objective", "margin"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nobjective = 'dlr'\n", "robustness.attack.x.objective", "margin"),
    ("[robustness.attack.x]\nmethod = 'square'\nobjective = 'margin'\n", "robustness.attack.x.objective", "remove"),
    ("[robustness.attack.x]\nmethod = 'fab'\nobjective = 'margin'\n", "robustness.attack.x.objective", "remove"),
    ("[robustness.attack.x]\nmethod = 'pgd'\ngradient = 'autograb'\n", "robustness.attack.x.gradient", "autograd"),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = { name = 'zeroth-order', pair = 4 }\n",
        "robustness.attack.x.gradient",
        "did you mean 'pairs'",
    ),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = { name = 'zeroth-order', pairs = 0 }\n",
        "robustness.attack.x.gradient",
        "from 1 to 1,000",
    ),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = { name = 'auto', pairs = 4 }\n",
        "robustness.attack.x.gradient",
        "remove",
    ),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = { name = 'bpda', pairs = 4 }\n",
        "robustness.attack.x.gradient",
        "surrogate",
    ),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = { name = 'bpda', surrogate = 'differentiable jpg' }\n",
        "robustness.attack.x.gradient",
        "did you mean 'differentiable JPEG'",
    ),
    (
        "[robustness.attack.x]\nmethod = 'stadv'\nnorm = 'spatial'\nepsilon = 1\non_grid = true\n",
        "robustness.attack.x.on_grid",
        "remove",
    ),
    (
        "[robustness.attack.x]\nmethod = 'pgd'\ngradient = 'zeroth-order'\non_grid = true\n",
        "robustness.attack.x.on_grid",
        "nes",
    ),
    ("[robustness.attack.x]\nmethod = 'pgd'\neot_samples = 0\n", "eot_samples", "from 1 to 1,000"),
    (
        "[detection.attack.y]\nmethod = 'bim'\ntrained_on = 'bmi'\n",
        "detection.attack.y.trained_on",
        "did you mean 'bim'",
    ),
    ("[robustness.attack.x]\nmethod = 'pgd'\nrestarts = 0\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nrestarts = -5\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nsteps = 0\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nstep_size = 0\n", "robustness.attack.x", "from 1e-12"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nstep_size = '8/0'\n", "robustness.attack.x", "from 1e-12"),
    ("[robustness.attack.x]\nmethod = 'nes'\nsteps = 0\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'square'\nqueries = 0\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'square'\nqueries = -1\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'transfer'\nsteps = -1\n", "robustness.attack.x", "from 1 to 1,000"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nepsilon = 0\n", "robustness.attack.x.epsilon", "more than 0"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nepsilon = 1.5\n", "robustness.attack.x.epsilon", "1 or less"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nnorm = 'l2'\nepsilon = 29\n", "robustness.attack.x.epsilon", "28 or less"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nepsilon = true\n", "robustness.attack.x.epsilon", "8/255"),
    ("[robustness.attack.x]\nmethod = 'pgd'\nsteps = true\n", "robustness.attack.x", "a whole number"),
    ("[robustness.attack.clean]\nmethod = 'pgd'\n", "robustness.attack", "another label"),
    ("[robustness.attack.'*']\nmethod = 'pgd'\n", "robustness.attack", "another label"),
    (
        "[detection.attack.y]\nmethod = 'bim'\nobjective = { name = 'hfc', weight = -1.0 }\n",
        "detection.attack.y.objective",
        "from 0 to 1e+12",
    ),
    ("[defense.q]\nmethod = 'jpeg'\nquality = -1\n", "defense.q", "from 1 to 95"),
    ("[defense.z]\nmethod = 'zo-ae-ds'\nsigma = nan\n", "defense.z", "from 0 to 10"),
    ("[defense.a]\nmethod = 'adversarial-training'\nlearning_rate = -1\n", "defense.a", "from 1e-12 to 1"),
    ("[defense.a]\nmethod = 'adversarial-training'\nepsilon = 'x'\n", "defense.a", "from 1e-12 to 1"),
    ("[defense.a]\nmethod = 'adversarial-training'\nepsilon = 1e12\n", "defense.a", "from 1e-12 to 1"),
    ("[detector.k]\nmethod = 'lid'\nneighbours = 2\n", "detector.k", "from 3 to"),
    ("[evaluatoin]\n", "evaluatoin", "did you mean 'evaluation'"),
    ("[profile.fast]\n", "profile", "quick"),
]


@pytest.mark.parametrize(("added", "where", "remedy"), WRONG)
def test_wrong_suites_name_the_file_the_key_and_the_remedy(
    added: str, where: str, remedy: str, suite_file: Callable[..., Path]
) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(added))))
    assert "tiny.toml" in caught.value.where
    assert where in caught.value.where
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('title = "A tiny grid"', 'title = "x"\nseed = -1', "seed"),
        ('title = "A tiny grid"', 'title = "x"\nseed = true', "seed"),
        ('title = "A tiny grid"', 'title = "x"\nprotocol = -1', "protocol"),
        ("samples = 40", "samples = true", "evaluation.samples"),
        ("epochs = 2", "width = 1000000000000", "classifier"),
        ("epochs = 2", "width = 0", "classifier"),
        ('[robustness]\nepsilon = "8/255"', "[robustness]\nepsilon = 0", "robustness.epsilon"),
        ('[robustness]\nepsilon = "8/255"', "[robustness]\nepsilon = 1e308", "robustness.epsilon"),
        ('[robustness]\nepsilon = "8/255"', "[robustness]\nepsilon = true", "robustness.epsilon"),
        ('[detection]\nepsilon = "8/255"', "[detection]\nepsilon = 0", "detection.epsilon"),
    ],
)
def test_wrong_values_outside_the_plug_ins(old: str, new: str, where: str, suite_file: Callable[..., Path]) -> None:
    path = suite_file()
    path.write_text(path.read_text().replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(path)))
    assert caught.value.where.startswith(f"tiny.toml: {where}")


def test_a_detection_table_needs_a_detector(suite_file: Callable[..., Path]) -> None:
    path = suite_file()
    path.write_text(path.read_text().replace("[detector.kd]\n[detector.svm]\n", ""))
    with pytest.raises(UserError, match="no detector"):
        prepare(RunRequest(str(path)))


@pytest.mark.parametrize("field", ["defenses", "attacks", "detectors"])
def test_a_filter_that_matches_nothing_is_refused(field: str, suite_file: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="matches nothing"):
        prepare(RunRequest(str(suite_file()), selection=Selection(**{field: ("nothing*",)})))


@pytest.mark.parametrize(
    ("text", "words"),
    [("name = ", "not TOML"), ("\xff\xfe", "missing key"), ("name = 'x'\ntitle = 'y'\n", "missing key")],
)
def test_files_that_are_no_suite(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text if "\xff" not in text else "", encoding="utf-8")
    with pytest.raises(UserError, match=words):
        prepare(RunRequest(str(path)))


def test_an_unknown_suite_names_those_that_exist() -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest("chest-xry"))
    assert "chest-xray" in caught.value.remedy


def test_globs_choose_cells(suite_file: Callable[..., Path]) -> None:
    selection = Selection(defenses=("n*",), attacks=("bim*",), detectors=("k*",))
    cells = prepare(RunRequest(str(suite_file()), selection=selection)).plan.cells
    assert {(c.defense, c.attack, c.detector) for c in cells} == {
        ("none", "clean", "none"),
        ("none", "bim", "kd"),
        ("none", "bim+hfc", "kd"),
    }
