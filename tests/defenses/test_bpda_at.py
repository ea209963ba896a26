"""BPDA adversarial training: adversaries and purified samples that live on, and what is deployed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.models.training.deployed import DeployedClassifier
from defenses.adversarial.adversaries import PersistentAdversaries
from defenses.bpda_at import BPDAAdversarialTraining
from tests.defenses.robust_and_brittle import EPSILON, fit_data, linear, robust_and_brittle, worst_case_accuracy

DATA = robust_and_brittle(40, seed=0)
ALL = torch.arange(40)


def sloped() -> DeployedClassifier:
    model = linear()
    nn.init.normal_(model.network[1].weight, std=0.1, generator=torch.Generator().manual_seed(0))
    return model


def adversaries(**settings: object) -> PersistentAdversaries:
    defaults = {"epsilon": EPSILON, "step_size": 0.5 / 255, "sign": True, "rejuvenation": 0.0}
    return PersistentAdversaries(DATA, lambda x, _noise: 0.9 * x + 0.05, **{**defaults, **settings})


def moved(known: PersistentAdversaries, times: int, rows: torch.Tensor = ALL) -> torch.Tensor:
    for epoch in range(times):
        noise = Noise.of(0, rows).at(epoch)
        purified = known.move(sloped(), rows, DATA.labels[rows], noise)
    return purified


def test_an_adversary_goes_on_from_epoch_to_epoch_and_reaches_the_exact_worst_case_of_a_linear_model():
    known, x = adversaries(), DATA.floats()
    weight = sloped().network[1].weight.detach()
    uphill = (weight[1] - weight[0]).sign().view(1, 1, 16, 16) * (1 - 2 * DATA.labels).view(-1, 1, 1, 1)
    for epochs, distance in ((3, 1.5 / 255), (17, EPSILON)):
        moved(known, epochs)
        expected = (x + distance * uphill).clamp(0, 1)
        assert torch.allclose(known.adversaries, expected, atol=1e-6)


def test_a_purified_sample_moves_with_its_adversary_and_is_purified_a_little_more_each_time():
    known, x = adversaries(), DATA.floats()
    first = moved(known, 1)
    step = known.adversaries - x
    assert torch.allclose(first, 0.9 * (x + step) + 0.05, atol=1e-6)
    before = known.adversaries.clone()
    second = known.move(sloped(), ALL, DATA.labels, Noise.of(0, ALL))
    assert torch.allclose(second, 0.9 * (first + known.adversaries - before) + 0.05, atol=1e-6)
    assert torch.equal(known.purified, second)


def test_only_the_images_of_a_batch_are_moved():
    known, rows = adversaries(), torch.tensor([7, 3])
    moved(known, 1, rows)
    still = torch.ones(40, dtype=torch.bool)
    still[rows] = False
    x = DATA.floats()
    assert torch.equal(known.adversaries[still], x[still])
    assert torch.equal(known.purified[still], x[still])
    assert ((known.adversaries - x)[rows].flatten(1).abs().amax(1) > 0).all()


def test_a_plain_gradient_is_followed_by_its_factor():
    known, x = adversaries(sign=False, step_size=1e-4), DATA.floats().requires_grad_(True)
    (gradient,) = torch.autograd.grad(cross_entropy(sloped()(x), DATA.labels, reduction="sum"), x)
    moved(known, 1)
    assert torch.allclose(known.adversaries, (x + 1e-4 * gradient).detach().clamp(0, 1), atol=1e-7)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_rejuvenation_starts_pairs_again_at_their_images_as_often_as_it_says(rate):
    known, x, moves, restarts = adversaries(rejuvenation=rate, epsilon=0.5), DATA.floats(), 60, 0
    for move in range(moves):
        known.move(sloped(), ALL, DATA.labels, Noise.of(0, ALL).at(move))
        # Steps go one way in a linear model: only one that has begun again is one step away.
        restarts += int(((known.adversaries - x).flatten(1).abs().amax(1) < 0.6 / 255).sum()) if move else 0
    assert restarts / (40 * (moves - 1)) == pytest.approx(rate, abs=0.03)


def test_what_is_deployed_is_a_classifier_alone_which_is_robust_where_the_images_were_not():
    data, test = fit_data(), robust_and_brittle(400, seed=2)
    defense = BPDAAdversarialTraining(epochs=16, energy_iterations=10, learning_rate=1e-2, shift=0)
    defense.fit(linear(), data)
    model = defense.defend(linear())
    assert not model.randomized
    assert set(defense.weights_) == set(linear().state_dict())
    assert worst_case_accuracy(model.classifier, test) > 0.75


def test_a_step_along_the_sign_that_leaves_the_ball_is_refused_and_a_factor_of_the_gradient_is_not():
    with pytest.raises(UserError, match="twice the radius"):
        BPDAAdversarialTraining(step_size=0.5).check_settings()
    BPDAAdversarialTraining(step="gradient", step_size=0.5).check_settings()
