"""Fast adversarial training: it stops at catastrophic overfitting, and keeps what was robust before."""

from __future__ import annotations

from itertools import count

import torch
from torch import nn

from benchmark.core.noise import Noise
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import optimize
from defenses.adversarial.maximisation import Budget, pgd
from defenses.fast_at import FastAdversarialTraining
from tests.defenses.robust_and_brittle import CPU, fit_data, linear, silent

EPSILON = 16 / 255
DATA = fit_data()


def defense(**settings: object) -> FastAdversarialTraining:
    common = {"epsilon": EPSILON, "step_size": EPSILON, "epochs": 15, "batch_size": 50, "schedule": "constant"}
    return FastAdversarialTraining(**{**common, "shift": 0, **settings})


def curved() -> DeployedClassifier:
    """Hidden layers, which are what a network needs to answer one step and no other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)]
        network = nn.Sequential(nn.Flatten(), *layers)
    return DeployedClassifier(network, channels=1, classes=2, mean=torch.tensor([0.5]), std=torch.tensor([0.1]))


def accuracy_under(steps: int, model: nn.Module) -> float:
    images = DATA.validation
    budget = Budget(EPSILON, EPSILON if steps == 1 else EPSILON / 4, steps)
    adversarial = pgd(model, images.floats(), images.labels, Noise.of(9, images.index), budget)
    return (model(adversarial).argmax(1) == images.labels).double().mean().item()


def test_training_ends_where_one_step_is_still_answered_and_ten_no_longer():
    # The same training without a stop, left at its last epoch.
    overfitted, epochs = curved(), count()
    optimize(
        overfitted, DATA.train, DATA.validation, recipe=defense().recipe, classes=2, seed=0, device=CPU, report=silent,
        loss=defense().batch_loss, criterion=lambda _model, _images: (float(next(epochs)),),
    )  # fmt: skip
    assert accuracy_under(1, overfitted) > 0.85
    assert accuracy_under(10, overfitted) < 0.7
    stopped, never = defense(), defense(fall=1.0)
    for each in (stopped, never):
        each.fit(curved(), DATA)
    assert stopped.stopped_after is not None
    assert 1 < stopped.stopped_after < 15
    assert never.stopped_after is None
    kept = stopped.defend(curved()).classifier
    assert accuracy_under(10, kept) > 0.8
    assert set(kept.state_dict()) == set(curved().state_dict())


def test_a_model_that_cannot_overfit_to_one_step_is_trained_to_the_end():
    steady = defense(epsilon="8/255", step_size=None, epochs=6, learning_rate=1e-2)
    steady.fit(linear(), DATA)
    assert steady.stopped_after is None
