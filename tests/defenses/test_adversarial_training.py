from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import Batch, optimize
from benchmark.models.training.recipe import Recipe
from defenses.adversarial.maximisation import Budget, pgd
from defenses.adversarial.min_max import madry, mart, trades
from defenses.adversarial_training import AdversarialTraining
from defenses.base import FitData
from tests.defenses.robust_and_brittle import (
    CPU,
    EPSILON,
    fit_data,
    linear,
    robust_and_brittle,
    silent,
    worst_case_accuracy,
)


def standard(data: FitData, *, classes: int = 2) -> DeployedClassifier:
    model = linear(classes)
    recipe = Recipe(epochs=10, learning_rate=1e-2, shift=0)
    optimize(
        model, data.train, data.validation, recipe=recipe, classes=classes, seed=0, device=CPU, report=silent
    )  # fmt: skip
    return model


def test_adversarial_training_is_robust_where_standard_training_is_not():
    data, test = fit_data(), robust_and_brittle(400, seed=2)
    model = standard(data)
    defense = AdversarialTraining(epochs=10, learning_rate=1e-2, shift=0)
    defense.fit(model, data)
    defended = defense.defend(model).classifier
    assert (model(test.floats()).argmax(1) == test.labels).double().mean() > 0.95
    assert worst_case_accuracy(model, test) < 0.3
    assert worst_case_accuracy(defended, test) > 0.8


def test_pgd_reaches_the_exact_worst_case_of_a_linear_model():
    model = linear()
    nn.init.normal_(model.network[1].weight, generator=torch.Generator().manual_seed(0))
    data = robust_and_brittle(20, seed=0)
    x = data.floats()
    noise = Noise.of(0, data.index)
    found = pgd(model, x, data.labels, noise, Budget(EPSILON, EPSILON, 3))
    gradient = (model.network[1].weight[1] - model.network[1].weight[0]).detach().sign().view(1, 1, 16, 16)
    expected = x - EPSILON * gradient * (2 * data.labels - 1).view(-1, 1, 1, 1)
    assert torch.allclose(found, expected.clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_pgd_stays_in_the_ball_and_in_the_range_and_starts_at_random(steps):
    x = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0)).round()  # all pixels at the bounds
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2).eval()
    y = torch.arange(16) % 2
    found = [pgd(model, x, y, Noise.of(s, y), Budget(0.1, 0.08, steps)) for s in (0, 1)]
    for adversarial in found:
        assert (adversarial - x).abs().max() <= 0.1 + 1e-6
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
    assert not torch.equal(*found)


def test_an_attack_moves_no_statistics_of_batch_normalisation_and_leaves_every_mode_as_it_was():
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2).train()
    model.network[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    x = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = Noise.of(0, torch.arange(8))
    batch = Batch(x, torch.arange(8) % 2, torch.arange(8), torch.ones(2), noise, 0.0)
    for game in (madry(), trades(6.0), mart(5.0)):
        adversarial = game.attack(model, batch, Budget(EPSILON, EPSILON / 2, 3))
        assert 0 < (adversarial - x).abs().max() <= EPSILON + 1e-6
        assert not adversarial.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_the_given_classifier_is_untouched_and_the_weights_alone_rebuild_the_defense():
    data = fit_data()
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2)
    model.train()
    model.network[1].eval()
    model.network[0].weight.requires_grad_(False)
    model.set_operating_logit(0.3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    wanted = [p.requires_grad for p in model.parameters()]

    defense = AdversarialTraining(epochs=1, steps=1, validation_steps=1)
    defense.fit(model, data)
    rebuilt = AdversarialTraining(epochs=1, steps=1, validation_steps=1)
    rebuilt.weights_ = defense.weights_

    x = data.validation.floats()
    noise = Noise.of(0, data.validation.index)
    first, second = defense.defend(model), rebuilt.defend(model)
    assert torch.equal(first.decide(x, noise), second.decide(x, noise))
    assert not first.classifier.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == wanted
    # What was frozen in the classifier is trained in the copy, and so are the statistics of batch normalisation.
    for name in ("network.0.weight", "network.1.running_mean"):
        assert not torch.equal(defense.weights_[name], before[name])


def test_fitting_twice_gives_the_same_weights_bit_for_bit():
    data = fit_data()
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2)
    fitted = []
    for _ in range(2):
        defense = AdversarialTraining(epochs=2, steps=2, validation_steps=2)
        defense.fit(model, data)
        fitted.append(defense.weights_)
        torch.rand(1)
    assert all(torch.equal(v, fitted[1][k]) for k, v in fitted[0].items())


def test_three_classes_and_networks_of_any_make_can_be_trained():
    data = fit_data(classes=3)
    for model in (linear(3), linear(3).network):
        defense = AdversarialTraining(epochs=6, steps=3, learning_rate=1e-2, shift=0)
        defense.fit(model, data)
        x, y = data.validation.floats(), data.validation.labels
        defended = defense.defend(model).classifier
        adversarial = pgd(defended, x, y, Noise.of(5, data.validation.index), Budget(EPSILON, 0.01, 20))
        assert (defended(adversarial).argmax(1) == y).double().mean() > 0.7


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"epsilon": "-1/255"}, "negative"),
        ({"epsilon": "eight"}, "not a number"),
        ({"step_size": "2/0"}, "step_size"),
        ({"steps": 0}, "steps"),
        ({"validation_steps": 0}, "validation_steps"),
        ({"warm_up": 1.5}, "warm_up"),
        ({"epochs": 0}, "epochs"),
        ({"optimizer": "adm"}, "adam"),
    ],
)
def test_senseless_settings_are_refused_by_name(settings, word):
    with pytest.raises(UserError) as caught:
        AdversarialTraining(**settings).fit(linear(), fit_data())
    assert word in str(caught.value)
    assert "adversarial-training" in str(caught.value)


def test_defending_without_weights_or_with_those_of_another_network_is_refused():
    defense = AdversarialTraining()
    with pytest.raises(UserError, match="fit it first"):
        defense.defend(linear())
    defense.weights_ = linear(3).state_dict()
    with pytest.raises(UserError, match="do not fit"):
        defense.defend(linear())
