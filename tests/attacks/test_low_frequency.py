"""Low-frequency PGD: what its perturbations are made of, and a purifier that falls to it and not to PGD."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Composition, Stop
from attacks.geometry.ball import Ball
from attacks.geometry.frequency import energy_above, low_frequencies
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.gradients.exact import Exact
from attacks.low_frequency import LowFrequency, LowFrequencyState
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from benchmark.core.defended import DecisionRule, DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from tests.attacks.attacking import attack

BAND, EPSILON = 0.25, 0.06


class Watched(LowFrequency):
    """Without a name, so that it is not registered; keeps every state."""

    name = ""

    def step(self, victim, state, noise):  # type: ignore[no-untyped-def]
        self.seen = [*getattr(self, "seen", []), state]
        return super().step(victim, state, noise)


def slow_wave() -> Tensor:
    x = low_frequencies(Noise.of(4, range(1)).normal((1, 16, 16)), BAND)
    return x / x.norm()


def fast_wave() -> Tensor:
    x = Noise.of(5, range(1)).normal((1, 16, 16))
    x = x - low_frequencies(x, BAND)
    return x / x.norm()


class TwoWaves(nn.Module):
    """Class 0's margin is 1 plus what the image has of a slow wave, and ten times what it has of a fast one."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("wave", 3 * slow_wave() + 30 * fast_wave())

    def forward(self, x: Tensor) -> Tensor:
        margin = 1 + ((x - 0.5) * self.wave).sum((1, 2, 3))
        return torch.stack([margin, torch.zeros_like(margin)], dim=1)


def voting() -> DefendedModel:
    """Three draws that take every fast wave away, add noise and vote."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return low_frequencies(x, BAND) + 0.005 * noise.normal(x.shape[1:])

    return DefendedModel(
        TwoWaves(),
        purify=purify,
        exact_purify=purify,
        votes=3,
        randomized=True,
        decision_rule=DecisionRule.MAJORITY_VOTE,
    )


def grey(count: int) -> Tensor:
    return torch.full((count, 1, 16, 16), 0.5)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_the_perturbation_has_nothing_above_the_cut_before_it_is_brought_into_the_ball(norm: Norm) -> None:
    method, x = Watched(steps=6, band=BAND), Noise.of(1, range(5)).uniform((1, 16, 16))
    attack(method, voting(), x, EPSILON if norm is Norm.LINF else 0.8, norm=norm, stop=Stop.NEVER)
    states: list[LowFrequencyState] = method.seen
    assert len(states) == 6
    for state in states:
        assert (
            float((energy_above(state.perturbation, BAND) / state.perturbation.square().sum((1, 2, 3))).max()) < 1e-10
        )
    moved = (states[-1].perturbation - states[0].perturbation).abs().amax((1, 2, 3))
    assert float(moved.min()) > 0.01


@pytest.mark.parametrize("gradient", [BPDA(draws=3), Exact(draws=3)], ids=["bpda", "exact"])
def test_a_vote_over_denoised_draws_falls_to_it(gradient: GradientEstimator) -> None:
    """The slow wave alone turns the margin: 3 ‖wave‖₁ ε > 1."""
    assert 3 * float(slow_wave().abs().sum()) * EPSILON > 1
    outcome = attack(LowFrequency(steps=15, band=BAND), voting(), grey(8), EPSILON, estimator=gradient)
    assert bool(outcome.success.all())


def test_the_vote_holds_against_pgd_of_as_many_steps() -> None:
    """PGD's signs follow the fast wave, which BPDA's stand-in lets through and the purifier does not."""
    outcome = attack(PGD(steps=15), voting(), grey(8), EPSILON, estimator=BPDA(draws=3))
    assert not bool(outcome.success.any())


def test_with_every_frequency_it_is_pgd() -> None:
    """A linear model's worst case, at the corner of the ball that the signs name."""
    model, x = DefendedModel(TwoWaves()), grey(4)
    composition = Composition(Norm.LINF, Epsilon.parse(EPSILON), stop=Stop.NEVER)
    aim = Aim(torch.zeros(4, dtype=torch.int64))
    found = [
        method(model, x, aim, Noise.of(0, range(4)), composition).adversarial
        for method in (LowFrequency(steps=20, band=1.0), PGD(steps=20))
    ]
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert float((Ball(Norm.LINF, EPSILON, x).size(found[0]) - EPSILON).abs().max()) < 1e-5
