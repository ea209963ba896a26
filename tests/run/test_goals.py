"""A goal in a suite: any wrong class, or one, whatever ends the attack on an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from attacks.objectives.target import Rule, Target
from benchmark.core import plugin
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.attack import AttackStep
from leaderboard.publish import publish

THREE = """
name = "goals"
title = "Three classes"
[data]
name = "three-waves"
[classifier]
name = "small-cnn"
epochs = 8
[evaluation]
samples = 60
replicates = 2
[defense.none]
[robustness]
epsilon = "12/255"
probes = 0
diagnoses = 0
{table}
[robustness.attack.any]
method = "pgd"
steps = 5
goal = "untargeted"
[robustness.attack.pgd]
steps = 5
{attack}
[robustness.attack.square]
queries = 20
{attack}
"""


def run(suite: Path, folder: Path, *attacks: str) -> tuple[dict[str, Any], str]:
    """(by attack, its cell and records; the published page)."""
    selection = Selection(defenses=("none",), attacks=attacks)
    prepared = prepare(RunRequest(str(suite), out=folder, selection=selection))
    execute(prepared, publish)
    store = Store(folder)
    cells = {c.attack: c for c in prepared.plan.cells if isinstance(c.step, AttackStep) and c.table == "robustness"}
    found = {label: (cell, store.samples(cell.step.key)) for label, cell in cells.items() if cell.step}
    pages = sorted(folder.rglob("*.md"))
    return found, "\n".join(page.read_text(encoding="utf-8") for page in pages)


@pytest.fixture
def three(tmp_path: Path, registry: None) -> Callable[..., Path]:
    from tests.run.three_classes import ThreeWaves

    # The module is imported once, and what one test has registered is forgotten after it.
    plugin._registry["dataset"][ThreeWaves.name] = ThreeWaves

    def write(table: str = "", attack: str = "") -> Path:
        path = tmp_path / "goals.toml"
        path.write_text(THREE.format(table=table, attack=attack), encoding="utf-8")
        return path

    return write


def test_only_the_target_counts_and_the_first_success_ends_it(three: Callable[..., Path], tmp_path: Path) -> None:
    suite = three(attack='goal = "targeted"\ntarget = "least-likely"')
    found, page = run(suite, tmp_path / "run", "any", "pgd", "square")
    cell, samples = found["pgd"]
    assert "targeted at the least likely class; the attacker" in cell.threat.sentence()
    assert "pgd: 5 steps, targeted at the least likely class" in page
    clean = Store(tmp_path / "run").samples(cell.step.clean.key)
    scores = torch.tensor(np.stack(clean["scores"].tolist()))
    own = torch.tensor(clean["label"].tolist())
    least = scores.scatter(1, own[:, None], float("inf")).argmin(1).numpy()
    attacked, hit = samples["attacked"], samples["adversarial_prediction"] == least
    assert (hit[attacked] == ~samples["robust"][attacked]).all()
    assert hit[attacked].sum() > 0
    assert samples["robust"].any() or found["square"][1]["robust"].any()
    early = samples[attacked & samples["broken_at"].between(0, 3)]
    assert (early["backwards"] == early["broken_at"] + 1).all()
    # To miss the target is to stand, also where the answer is wrong.
    assert (found["any"][1]["robust"] <= samples["robust"]).all()


def test_one_class_is_the_goal_of_a_whole_table_whose_own_images_are_left_out(
    three: Callable[..., Path], tmp_path: Path
) -> None:
    whole, _ = run(three(attack='goal = "targeted"\ntarget = "likeliest"'), tmp_path / "all", "pgd")
    found, page = run(three(table='goal = "targeted"\ntarget = "steep"'), tmp_path / "run", "pgd", "square")
    _, samples = found["pgd"]
    everyone = whole["pgd"][1]
    assert samples["sample_id"].tolist() == everyone[everyone["label"] != 2]["sample_id"].tolist()
    broken = samples[samples["attacked"] & ~samples["robust"]]
    assert len(broken) > 0
    assert set(broken["adversarial_prediction"]) == {2}
    assert "targeted at class 'steep', whose own images are left out" in page
    assert "lacks images of class 'steep'" in page


def test_with_two_classes_a_target_is_any_wrong_class(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    columns = ["robust", "adversarial_prediction", "broken_at", "forwards", "backwards", "linf", "fresh_right"]
    found = {}
    for number, goal in enumerate(("", 'goal = "targeted"', 'goal = "targeted"\ntarget = "random"')):
        suite = suite_file(**{"probes = 4": f"probes = 0\n{goal}"})
        found[goal] = run(suite, tmp_path / str(number), "fgsm", "pgd", "square")[0]
    for label in ("fgsm", "pgd", "square"):
        anything, *aimed = [cells[label][1] for cells in found.values()]
        for samples in aimed:
            pd.testing.assert_frame_equal(samples[columns], anything[columns])
    robust = pd.concat([samples for _, samples in found[""].values()])["robust"]
    assert robust.any()
    assert not robust.all()


@pytest.mark.parametrize(
    ("table", "attack", "said"),
    [
        ('goal = "targeted"\ntarget = "steap"', "", "no class is called 'steap'"),
        ('goal = "targeted"\ntarget = 3', "", "there is no class 3"),
        ('target = "random"', "", "an untargeted attack has no target"),
        ("", 'goal = "targeted"\ntarget = "flat"', "the goal of a whole table"),
        ('goal = "targeted"', 'method = "uap"', "attack 'uap' cannot be sent to a class"),
        ('goal = "targeted"', 'objective = "dlr"', "objective 'dlr' needs 4 classes with a target"),
    ],
)
def test_a_goal_without_sense_is_refused_in_planning(
    three: Callable[..., Path], tmp_path: Path, table: str, attack: str, said: str
) -> None:
    suite = three(table)
    text = suite.read_text(encoding="utf-8")
    own = f"[robustness.attack.pgd]\n{attack}"
    suite.write_text(text.replace("[robustness.attack.pgd]\nsteps = 5", own), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        prepare(RunRequest(str(suite), out=tmp_path / "run"))


def test_a_detection_table_has_a_goal_of_its_own(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    suite = suite_file(**{"[detection.attack.bim]": '[detection.attack.bim]\ngoal = "targeted"'})
    with pytest.raises(UserError, match="goes after the likeliest wrong class"):
        prepare(RunRequest(str(suite), out=tmp_path / "run"))


def test_random_targets_are_every_wrong_class_alike_and_the_images_own() -> None:
    labels = torch.arange(4000) % 5
    scores, noise = torch.zeros(4000, 5), Noise.of(3, range(4000))
    drawn = Target(Rule.RANDOM).of(labels, scores, noise)
    assert bool((drawn != labels).all())
    for label in range(5):
        counts = torch.bincount(drawn[labels == label], minlength=5)
        # 200 each, within four standard deviations.
        assert bool(((counts - 200).abs() < 50)[torch.arange(5) != label].all())
    assert torch.equal(Target(Rule.RANDOM).of(labels[7:], scores[7:], noise[slice(7, None)]), drawn[7:])
