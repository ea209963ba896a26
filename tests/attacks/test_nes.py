from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from attacks.base import Stop
from attacks.geometry.ball import Ball
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import UnavailableGradientError
from attacks.nes import NES
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from attacks.random_noise import RandomNoise
from attacks.victim import Counter, Oracle
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts, prepared
from tests.attacks.networks import Linear, decisions


def oracle(model: DefendedModel, x: Tensor, labels: Tensor) -> Oracle:
    rows = torch.arange(len(x))
    return Oracle(model, Aim(labels), Ball(Norm.LINF, 0.1, x), Counter.zeros(len(x), x.device), rows)


@pytest.mark.parametrize("directions", ["gaussian", "signs"])
def test_the_estimate_has_the_angle_to_the_gradient_that_theory_gives(directions: str) -> None:
    """For a linear function in d dimensions, cos² ≈ n / (n + d) with n Gaussian pairs, n / (n + d − 1) with signs."""
    weight, x = Noise.of(0, [0]).normal((1, 12, 12))[0], 0.3 + 0.4 * Noise.of(1, range(8)).uniform((1, 12, 12))
    model = DefendedModel(Linear(weight))
    pairs, dimensions = 300, 144
    method = NES(pairs=pairs, sigma=0.02, directions=directions)
    estimate = method.estimate(oracle(model, x, torch.zeros(8, dtype=torch.int64)), x, Noise.of(0, range(8)))
    cosine = cosine_similarity(estimate.flatten(1), weight.flatten()[None])
    assert torch.allclose(cosine, torch.tensor((pairs / (pairs + dimensions)) ** 0.5), atol=0.08)
    # Without bias: the mean over independent estimates has the gradient's length too.
    assert float((estimate * weight).sum((1, 2, 3)).mean() / weight.square().sum()) == pytest.approx(1, abs=0.1)


def test_the_estimate_points_along_the_gradient_of_a_network(network: nn.Module, images: Tensor) -> None:
    model, aim = DefendedModel(network), Aim(decisions(network, images))
    exact = Autograd()(model, Margin(), images, aim, Noise.of(0, range(24))).gradient
    estimate = NES(pairs=400).estimate(oracle(model, images, aim.labels), images, Noise.of(0, range(24)))
    assert float(cosine_similarity(estimate.flatten(1), exact.flatten(1)).min()) > 0.6


def test_every_query_is_charged(network: nn.Module, images: Tensor) -> None:
    outcome = attack(NES(steps=3, pairs=20), network, images, "0.0001", stop=Stop.NEVER)
    # Forty queries and a look per step, and a last look.
    assert set(outcome.forwards.tolist()) == {3 * 41 + 1}
    assert set(outcome.backwards.tolist()) == {0}
    double = DefendedModel(network, purify=lambda x, n: x, randomized=True, votes=2)
    outcome = attack(NES(steps=3, pairs=20), double, images, "0.0001", stop=Stop.NEVER)
    assert set(outcome.forwards.tolist()) == {2 * (3 * 41 + 1)}


def test_it_breaks_a_model_that_has_no_gradient() -> None:
    problem = grayscale()
    images = problem.correct(24)
    x, aim = images.floats(), Aim(images.labels)
    model = DefendedModel(problem.classifier(), purify=lambda x, n: ((x * 63).round() / 63).detach())
    with pytest.raises(UnavailableGradientError):
        attack(PGD(steps=2), model, x, "0.1", aim=aim)
    aim = Aim(model.decide(x, Noise.of(0, range(24))).argmax(1).detach())
    outcome = attack(NES(steps=15, pairs=30, sigma=0.03), model, x, "0.1", aim=aim)
    blind = attack(RandomNoise(draws=15 * 61 + 1), model, x, "0.1", aim=aim)
    assert int(outcome.forwards.max()) == int(blind.forwards.max())
    assert int(outcome.success.sum()) >= int(blind.success.sum()) + 5


def test_success_never_falls_with_epsilon_or_restarts(network: nn.Module, images: Tensor) -> None:
    rates = [int(attack(NES(steps=8, pairs=16), network, images, e).success.sum()) for e in ("0", "0.02", "0.1", "1")]
    assert rates == sorted(rates)
    assert rates[0] == 0
    once = attack(NES(steps=2, pairs=8), network, images, "0.03").success
    thrice = attack(NES(steps=2, pairs=8, restarts=3), network, images, "0.03").success
    assert bool((thrice | ~once).all())


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_two_batches_give_what_one_gives(norm: Norm, network: nn.Module, images: Tensor) -> None:
    method = NES(steps=4, pairs=20)
    epsilon = "0.05" if norm is Norm.LINF else "0.4"
    for stop in Stop:
        whole = attack(method, network, images, epsilon, norm=norm, stop=stop)
        parts = in_two_parts(method, network, images, epsilon, norm=norm, stop=stop)
        assert torch.equal(whole.adversarial, parts.adversarial)
        assert torch.equal(whole.forwards, parts.forwards)


def test_unknown_directions_are_refused() -> None:
    with pytest.raises(UserError, match="unknown directions 'sign'"):
        NES(directions="sign").default_objective()


def test_a_momentum_that_stands_still_is_refused(network: nn.Module, images: Tensor) -> None:
    with pytest.raises(UserError, match="makes no step"):
        prepared(NES(momentum=1.0), network, images, "0.1")
