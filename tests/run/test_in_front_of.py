"""A purifier in front of a classifier that another defense of the suite has retrained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.attack import AttackStep
from benchmark.steps.clean import CleanStep
from benchmark.steps.retrained import RetrainedStep
from benchmark.steps.train import TrainStep

SUITE = """
name = "composed"
[data]
name = "chest-phantom"
size = 28
count = 120
[classifier]
name = "small-cnn"
epochs = 1
[evaluation]
samples = 12
replicates = 1
[defense.none]
[defense.adversarial-training]
epochs = 1
steps = 1
validation_steps = 1
[defense.both]
method = "jpeg"
quality = 95
in_front_of = "adversarial-training"
[robustness]
epsilon = "8/255"
probes = 0
diagnoses = 0
[robustness.attack.fgsm]
[robustness.attack.transfer]
"""


def prepared(folder: Path, text: str = SUITE, attacks: tuple[str, ...] = ()):
    load_plugins()
    path = folder / "composed.toml"
    path.write_text(text, encoding="utf-8")
    return prepare(RunRequest(str(path), out=folder / "run", selection=Selection(attacks=attacks)))


def test_it_protects_what_the_other_left_and_an_attacker_trains_anew(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    clean = {c.defense: c.step for c in run.plan.cells if isinstance(c.step, CleanStep)}
    (transfer,) = [c.step for c in run.plan.cells if (c.defense, c.attack) == ("both", "transfer")]
    assert isinstance(transfer, AttackStep)
    assert transfer.proxies
    assert all(type(proxy) is TrainStep for proxy in transfer.proxies)
    both, other = clean["both"].fit, clean["adversarial-training"].fit
    assert isinstance(both.train, RetrainedStep)
    assert both.train.by.key == other.key
    assert both.train.key != other.train.key
    execute(run, lambda store: [])
    store = Store(run.out)
    record = store.manifest().defenses["both"]
    assert "in front of the classifier of AdversarialTraining(" in record.repr
    composed, retrained = store.tensors(both.train.key), store.tensors(other.key)
    assert all(torch.equal(composed[name], weight) for name, weight in retrained.items())


@pytest.mark.parametrize(
    ("behind", "problem"),
    [
        ("none", "leaves the classifier as it is"),
        ("both", "no other defense 'both'"),
        ("adversarial", "no other defense 'adversarial'"),
    ],
)
def test_what_nothing_can_stand_in_front_of_is_refused(behind: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=problem) as refused:
        prepared(tmp_path, SUITE.replace('in_front_of = "adversarial-training"', f'in_front_of = "{behind}"'))
    assert "defense.both.in_front_of" in str(refused.value)
