"""Models that differ in how they decide alone are fitted once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmark import testing
from benchmark.core.discovery import load_plugins
from benchmark.models.small_cnn import SmallCNN
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.clean import CleanStep
from benchmark.steps.fit import FitStep
from benchmark.steps.learn import LearnStep
from benchmark.steps.train import TrainStep
from defenses.base import DefendedModel, Defense, FitData
from defenses.ebm import EBMPurification

SUITE = """
name = "deciding"
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
[defense.short]
method = "ebm"
features = 4
long_run_images = 0
iterations = 3
steps = 2
votes = 2
[defense.long]
method = "ebm"
features = 4
long_run_images = 0
iterations = 3
steps = 9
votes = 3
[defense.other]
method = "ebm"
features = 4
long_run_images = 0
iterations = 4
[robustness]
epsilon = "8/255"
probes = 0
diagnoses = 0
[robustness.attack.fgsm]
defenses = ["short"]
"""


def test_one_fit_serves_every_number_of_steps_and_votes(tmp_path: Path) -> None:
    load_plugins()
    path = tmp_path / "deciding.toml"
    path.write_text(SUITE, encoding="utf-8")
    run = prepare(RunRequest(str(path), out=tmp_path / "run"))
    fits = {c.defense: c.step.fit for c in run.plan.cells if isinstance(c.step, CleanStep)}
    assert len({step.key for step in run.plan.steps if isinstance(step, LearnStep)}) == 2
    assert fits["short"].key != fits["long"].key
    tally = execute(run, lambda store: [])
    assert not tally.failed
    store = Store(run.out)
    short, long, other = (store.tensors(fits[label].key) for label in ("short", "long", "other"))
    assert all(torch.equal(long[name], weights) for name, weights in short.items())
    assert any(not torch.equal(other[name], weights) for name, weights in short.items())


class Untold(Defense):
    """Says that it does not learn with the one setting that it learns with."""

    name = "untold"
    source = "a test"
    not_fitted = frozenset({"strength"})

    def __init__(self, *, strength: float = 0.1) -> None:
        self.strength = strength

    def fit(self, classifier: torch.nn.Module, data: FitData) -> None:
        self.weights_ = {"shift": torch.tensor(self.strength)}

    def defend(self, classifier: torch.nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


def test_a_setting_that_fit_reads_may_not_be_called_one_of_decisions() -> None:
    with pytest.raises(AssertionError, match="learns other weights with another strength"):
        testing.check_defense(Untold)


def test_what_others_say_of_their_settings_shares_no_fit() -> None:
    train = TrainStep(SmallCNN(), "data", 0)
    strong, weak = (FitStep(train, "row", Untold(strength=strength), 0) for strength in (0.1, 0.9))
    assert strong.needs == weak.needs == (train,)
    assert strong.key != weak.key
    own = FitStep(train, "row", EBMPurification(), 0)
    assert [step.kind for step in own.needs] == ["train", "learn"]
