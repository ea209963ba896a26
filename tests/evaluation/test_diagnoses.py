"""What a randomized or purifying defense's number must be read with, on models of which it is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attacks.gradients.autograd import Autograd
from attacks.gradients.bpda import BPDA
from attacks.gradients.exact import Exact
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.diagnoses.curvature import confirmed, curvature, without_curvature
from benchmark.evaluation.diagnoses.known_draws import PinnedNoise, known_draws, with_known_draws
from benchmark.evaluation.diagnoses.unperturbed import unperturbed
from benchmark.evaluation.flags.probe import Probe
from benchmark.records.defense_record import DefenseTraits
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.chain import LangevinChain
from defenses.energy.langevin import langevin_chain
from defenses.energy.network import EnergyNetwork

TRAITS = DefenseTraits(randomized=True, purifier=True)


class FirstPixel(nn.Module):
    """Logits [x₀₀, 0]: the first pixel is class 0's margin."""

    def forward(self, x: Tensor) -> Tensor:
        z = x.flatten(1)[:, 0]
        return torch.stack([z, torch.zeros_like(z)], dim=1)


def probe(model: DefendedModel, images: Tensor, **changed: Any) -> Probe:
    settings: dict[str, Any] = {
        "model": model,
        "undefended": model.classifier,
        "traits": TRAITS,
        "images": images,
        "labels": torch.zeros(len(images), dtype=torch.int64),
        "noise": Noise.of(0, range(len(images))),
        "norm": Norm.LINF,
        "epsilon": 0.05,
        "estimator": Autograd(),
        "steps": 10,
        "batch_size": BatchSize(400),
    }
    return Probe(**{**settings, **changed})


def noisy(spread: float, votes: int, *, chained: bool = False) -> DefendedModel:
    """Added noise, drawn at once or by a Langevin chain of four steps on a flat energy."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        own = noise.stream("own")
        if chained:
            # A chain carries no graph.
            return langevin_chain(flat, x, own, steps=4, step=spread / 2, temperature=1.0) + (x - x.detach())
        return x + spread * own.normal(x.shape[1:])

    return DefendedModel(FirstPixel(), purify=purify, votes=votes, randomized=True)


def flat(x: Tensor) -> Tensor:
    return 0 * x.flatten(1).sum(1)


def normal_tail(x: float) -> float:
    return 0.5 * math.erfc(x / math.sqrt(2))


@pytest.mark.parametrize("chained", [False, True], ids=["drawn at once", "drawn by a chain"])
@pytest.mark.parametrize(("margin", "proposing", "verifying"), [(0.1, 24, 64), (0.1, 24, 128), (0.2, 24, 64)])
def test_the_control_breaks_as_often_as_two_means_of_draws_are_below_zero(
    margin: float, proposing: int, verifying: int, chained: bool
) -> None:
    """Each look breaks an image with probability Φ(−μ√H_adv) Φ(−μ√H_def), μ in units of one draw's deviation."""
    images = torch.full((1000, 1, 1, 1), margin)
    found = unperturbed(
        probe(noisy(1.0, verifying, chained=chained), images, estimator=Autograd(draws=proposing), steps=30)
    )
    once = normal_tail(margin * math.sqrt(proposing)) * normal_tail(margin * math.sqrt(verifying))
    expected = 1 - (1 - once) ** 31
    assert found["looks"] == 31
    assert found["broken"] / found["n"] == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 1000))


def test_a_deterministic_model_breaks_nothing_unperturbed() -> None:
    assert unperturbed(probe(DefendedModel(FirstPixel()), torch.full((20, 1, 2, 2), 0.3)))["broken"] == 0


def test_known_draws_are_the_same_at_every_question() -> None:
    model = with_known_draws(noisy(0.2, 4))
    x, plain = torch.rand(9, 1, 2, 2), Noise.of(0, range(9))
    noise = PinnedNoise.beside(plain, plain.stream("known"))
    first = model.decide(x, noise)
    assert torch.equal(model.decide(x, noise.at(2).stream("verify").at(7)), first)
    assert torch.equal(noisy(0.2, 4).decide(x, plain.stream("known")), first)
    assert torch.equal(model.decide(x[4:6], noise[4:6]), first[4:6])
    assert not torch.equal(noise.stream("verify").normal((3,)), noise.normal((3,)))


def test_an_attacker_who_knows_the_draws_faces_one_sum_of_them() -> None:
    """The margin is x₀₀ plus the mean of known numbers; the attack moves it by ε."""
    votes, spread, epsilon, start = 4, 0.2, 0.05, 0.2
    images = torch.full((200, 1, 2, 2), start)
    subject = probe(noisy(spread, votes), images, epsilon=epsilon, noise=Noise.of(3, range(200)))
    fixed = subject.model.decide(images, subject.noise.stream("known draws"))[:, 0]
    assert known_draws(subject, Autograd())["broken"] == int((fixed < epsilon).sum())
    assert 0 < int((fixed < epsilon).sum()) < 200


def purifying(activation: str, *, clipped: bool = False) -> DefendedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        energy = EnergyNetwork(architecture="lite", shape=(1, 28, 28), features=4, activation=activation)
        head = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    energy.requires_grad_(False)

    low, high = (0.3, 0.7) if clipped else (-100.0, 100.0)

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return langevin_chain(energy, x, noise, steps=8, step=0.05, temperature=2e-5).clamp(low, high)

    def exact(x: Tensor, noise: Noise) -> Tensor:
        chain = LangevinChain(steps=8, energy=energy, noise=noise, step=0.05, temperature=2e-5)
        return differentiable_chain(x, chain).clamp(low, high)

    return DefendedModel(head, purify=purify, exact_purify=exact, networks=[energy], randomized=True)


def measured(model: DefendedModel) -> dict[str, Any]:
    return curvature(probe(model, Noise.of(5, range(16)).uniform((1, 28, 28)), estimator=BPDA()), Exact())


def test_a_smooth_energy_has_an_exact_gradient_that_finite_differences_confirm() -> None:
    found = measured(purifying("soft-leaky-relu"))
    assert confirmed(found)
    assert not without_curvature(found)
    assert found["exact_error"] < found["bpda_error"]


@pytest.mark.parametrize("clipped", [False, True])
def test_a_piecewise_linear_energy_is_caught_confirming_nothing(clipped: bool) -> None:
    """Also where the purified image is clipped, which makes its exact gradient differ from BPDA all the same."""
    found = measured(purifying("leaky-relu", clipped=clipped))
    assert without_curvature(found)
    assert not confirmed(found)
    assert (found["cosine"] > 0.9999) != clipped


def test_added_noise_has_no_curvature_and_none_is_missing() -> None:
    found = curvature(probe(noisy(0.1, 2), torch.full((8, 1, 4, 4), 0.4)), Autograd())
    assert without_curvature(found)
    assert confirmed(found)


def test_a_chain_that_does_not_move_contradicts_a_gradient() -> None:
    """A purifier that is constant near every image and claims the identity's gradient."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return x + ((x * 3).round() / 3 - x).detach()

    model = DefendedModel(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), purify=purify)
    found = curvature(probe(model, 0.4 + 0.05 * Noise.of(5, range(8)).uniform((1, 4, 4))), Autograd())
    assert found["n"] == 8
    assert found["exact_error"] == 1
    assert not confirmed(found)


def test_an_image_without_gradient_is_left_out() -> None:
    blank = DefendedModel(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), purify=lambda x, noise: x * 0, randomized=True)
    assert curvature(probe(blank, torch.rand(8, 1, 2, 2)), Autograd())["n"] == 0
