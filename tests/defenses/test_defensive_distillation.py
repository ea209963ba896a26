"""Defensive distillation hides its gradients from the cross-entropy, and falls to an attack on the margin."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import optimize
from benchmark.models.training.recipe import Recipe
from defenses.adversarial.maximisation import Budget, maximise
from defenses.defensive_distillation import DefensiveDistillation
from tests.defenses.robust_and_brittle import CPU, EPSILON, fit_data, robust_and_brittle, silent

BUDGET = Budget(EPSILON, EPSILON / 4, 10)


def margin(logits: Tensor, y: Tensor) -> Tensor:
    right = logits.gather(1, y[:, None])[:, 0]
    return (logits.scatter(1, y[:, None], -torch.inf).amax(1) - right).sum()


def test_it_is_broken_by_the_margin_where_the_cross_entropy_has_no_gradient_left():
    data, test = fit_data(), robust_and_brittle(200, seed=2)
    undefended = assemble(SmallCNN(width=8), shape=(1, 16, 16), classes=2)
    recipe = Recipe(epochs=8, batch_size=32, learning_rate=3e-3, shift=0)
    optimize(
        undefended, data.train, data.validation, recipe=recipe, classes=2, seed=0, device=CPU, report=silent,
    )  # fmt: skip
    defense = DefensiveDistillation(temperature=100, epochs=8, batch_size=32, shift=0)
    defense.fit(undefended, data)
    distilled = defense.defend(undefended).classifier
    assert isinstance(distilled, DeployedClassifier)
    x, y = test.floats(), test.labels

    def right(model: DeployedClassifier, images: Tensor) -> float:
        return (model(images).argmax(1) == y).double().mean().item()

    def under(model: DeployedClassifier, gain) -> float:
        return right(model, maximise(model, x, x, BUDGET, gain))

    def by_margin(logits: Tensor) -> Tensor:
        return margin(logits, y)

    def by_cross_entropy(logits: Tensor) -> Tensor:
        return cross_entropy(logits, y, reduction="sum")

    assert right(undefended, x) > 0.9
    assert right(distilled, x) > 0.9
    assert under(distilled, by_margin) <= under(undefended, by_margin) + 0.02
    assert under(distilled, by_margin) < 0.05
    # What an evaluation by plain PGD would take for a defense.
    assert under(undefended, by_cross_entropy) < 0.05
    assert under(distilled, by_cross_entropy) > 0.3
