from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import optimize
from benchmark.models.training.recipe import Recipe
from defenses.adversarial_training import AdversarialTraining, pgd
from defenses.base import FitData

CPU = torch.device("cpu")
EPSILON = 8 / 255


def silent(_share, _text):
    pass


def robust_and_brittle(count: int, *, seed: int, classes: int = 2) -> LabeledImages:
    """Each class lights one of three blocks strongly (in nine images of ten), and all other pixels very weakly.

    The weak pixels together tell the class almost surely, but a perturbation of 8/255 reverses them; the setting of
    Tsipras et al. 2019, section 2.1.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    lit = torch.where(torch.rand(count, generator=generator) < 0.9, labels, (labels + 1) % classes)
    pixels = 128 + 12 * torch.randn(count, 1, 16, 16, generator=generator)
    signs = (torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(99)) < 0.5).float() * 2 - 1
    pixels[:, 0, 4:] += 4 * signs[labels, 4:]
    for k in range(classes):
        pixels[lit == k, 0, :4, 5 * k : 5 * k + 4] += 50
    return LabeledImages(pixels.clamp(0, 255).to(torch.uint8), labels, tuple(f"{seed}-{i}" for i in range(count)))


def linear(classes: int = 2) -> DeployedClassifier:
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, classes))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    return DeployedClassifier(network, channels=1, classes=classes, mean=torch.tensor([0.5]), std=torch.tensor([0.1]))


def worst_case_accuracy(model: DeployedClassifier, data: LabeledImages) -> float:
    """Exact for a linear two-class model: a margin falls by at most ε times the L1 norm of its gradient."""
    weight = model.network[1].weight.detach() / model.std.item()
    logits = model(data.floats()).detach()
    margin = (logits[:, 1] - logits[:, 0]) * (2 * data.labels - 1)
    return (margin > EPSILON * (weight[1] - weight[0]).abs().sum()).double().mean().item()


def fit_data(*, classes: int = 2, seed: int = 0) -> FitData:
    train, validation = (robust_and_brittle(n, seed=s, classes=classes) for n, s in ((600, 0), (200, 1)))
    return FitData(train, validation, classes, seed, CPU, silent)


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
    found = pgd(model, x, data.labels, noise, epsilon=EPSILON, step_size=EPSILON, steps=3)
    gradient = (model.network[1].weight[1] - model.network[1].weight[0]).detach().sign().view(1, 1, 16, 16)
    expected = x - EPSILON * gradient * (2 * data.labels - 1).view(-1, 1, 1, 1)
    assert torch.allclose(found, expected.clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_pgd_stays_in_the_ball_and_in_the_range_and_starts_at_random(steps):
    x = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0)).round()  # all pixels at the bounds
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2).eval()
    y = torch.arange(16) % 2
    found = [pgd(model, x, y, Noise.of(s, y), epsilon=0.1, step_size=0.08, steps=steps).detach() for s in (0, 1)]
    for adversarial in found:
        assert (adversarial - x).abs().max() <= 0.1 + 1e-6
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1
    assert not torch.equal(*found)


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
        adversarial = pgd(defended, x, y, Noise.of(5, data.validation.index), epsilon=EPSILON, step_size=0.01, steps=20)
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
