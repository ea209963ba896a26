"""The gradient from values alone, against closed forms and autograd."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Attack
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.gradients.autograd import Autograd
from attacks.gradients.zeroth_order import ZerothOrder
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import wanted_class
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.features import Features
from benchmark.core.noise import Noise
from tests.attacks.attacking import attack
from tests.attacks.networks import Linear, decisions


def blur(x: Tensor, noise: Noise) -> Tensor:
    return x + 0.3 * noise.stream("blur").normal(x.shape[1:])


def test_on_a_linear_model_its_error_is_that_of_gaussian_directions() -> None:
    """E‖ĝ − g‖² = (d + 1)/n ‖g‖² for (1/n) Σ u uᵀg, as E[u uᵀ u uᵀ] = (d + 2) I."""
    weight = Noise.of(3, [0]).normal((1, 5, 5))
    x = 0.5 + torch.zeros(64, 1, 5, 5)
    model, aim, noise = DefendedModel(Linear(weight)), Aim(torch.zeros(64, dtype=torch.int64)), Noise.of(0, range(64))
    for pairs in (13, 52):
        estimate = ZerothOrder(pairs=pairs, sigma=1e-3)(model, Margin(), x, aim, noise).gradient
        error = (estimate - weight).square().flatten(1).sum(1).mean() / weight.square().sum()
        assert float(error) == pytest.approx(26 / pairs, rel=0.25)
    assert torch.allclose(estimate.mean(0), weight[0], atol=0.5)


def test_with_many_pairs_it_is_the_gradient(network: nn.Module, images: Tensor) -> None:
    model, aim, noise = DefendedModel(network), Aim(decisions(network, images)), Noise.of(0, range(24))
    truth = Autograd()(model, Margin(), images, aim, noise)
    ours = ZerothOrder(pairs=2000, sigma=0.002)(model, Margin(), images, aim, noise)
    cosine = nn.functional.cosine_similarity(ours.gradient.flatten(1), truth.gradient.flatten(1))
    assert float(cosine.min()) > 0.9
    assert torch.allclose(ours.value, truth.value, atol=1e-6)
    assert torch.allclose(ours.logits, truth.logits, atol=1e-6)


def test_both_images_of_a_pair_meet_the_same_draws() -> None:
    """A linear model's noise cancels in every difference, whatever its size."""
    weight, x = Noise.of(3, [0]).normal((1, 6, 6)), 0.5 + torch.zeros(9, 1, 6, 6)
    aim, noise = Aim(torch.zeros(9, dtype=torch.int64)), Noise.of(0, range(9))
    noisy = DefendedModel(Linear(weight), purify=blur, randomized=True)
    estimator = ZerothOrder(draws=3, pairs=20)
    still = ZerothOrder(pairs=20)(DefendedModel(Linear(weight)), Margin(), x, aim, noise)
    assert torch.allclose(estimator(noisy, Margin(), x, aim, noise).gradient, still.gradient, atol=1e-3)


def test_it_does_not_depend_on_the_batch(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network, purify=blur, randomized=True)
    aim, noise, rows = Aim(decisions(network, images)), Noise.of(0, range(24)), torch.tensor([20, 3, 11])
    estimator = ZerothOrder(draws=2, pairs=20)
    whole = estimator(model, Margin(), images, aim, noise)
    part = estimator(model, Margin(), images[rows], aim[rows], noise[rows])
    assert torch.equal(part.gradient, whole.gradient[rows])


class Brightness(Objective):
    """The mean of the first hidden layer's channels: nothing that logits could say."""

    name = "brightness"
    needs_features = True

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        assert features is not None
        return features.layers[0].mean(1) + 0 * wanted_class(logits, aim)


def test_it_follows_an_objective_of_hidden_features(network: nn.Module, images: Tensor) -> None:
    model, aim, noise = DefendedModel(network), Aim(decisions(network, images)), Noise.of(0, range(24))
    truth = Autograd()(model, Brightness(), images, aim, noise)
    ours = ZerothOrder(pairs=1000, sigma=0.002)(model, Brightness(), images, aim, noise)
    cosine = nn.functional.cosine_similarity(ours.gradient.flatten(1), truth.gradient.flatten(1))
    assert float(cosine.min()) > 0.8
    assert torch.allclose(ours.value, truth.value, atol=1e-6)


@pytest.mark.parametrize("method", [BIM(), PGD(), APGD(steps=50), CWLinf()], ids=lambda m: m.name)
def test_with_it_every_search_breaks_a_model_without_gradient(
    method: Attack, network: nn.Module, images: Tensor
) -> None:
    def round_away(x: Tensor, noise: Noise) -> Tensor:
        return (x.detach() * 63).round() / 63

    model = DefendedModel(network, purify=round_away)
    outcome = attack(method, model, images, "0.15", estimator=ZerothOrder(pairs=150, sigma=0.03))
    reference = attack(method, network, images, "0.15")
    assert float(outcome.success.float().mean()) >= float(reference.success.float().mean()) - 0.15
    assert float(outcome.success.float().mean()) > 0.5


def test_it_charges_every_value() -> None:
    model = DefendedModel(Linear(torch.ones(1, 4, 4)), purify_passes=Passes(5, 5), votes=1, randomized=True)
    assert ZerothOrder(draws=3, pairs=10).passes(model) == Passes(3 * 21 * 6, 3 * 21 * 5)
