"""Steps of purifiers against closed forms: Gaussian data, linear scores, quadratic energies."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from benchmark.core.noise import Noise
from defenses.chains.chain import run
from defenses.diffusion.schedule import kept, reverse_times
from defenses.diffusion.steps import ReverseDiffusion
from defenses.energy.chain import LangevinChain
from defenses.reconstruction.descent import Descent
from defenses.score.steps import ScoreChain

ROWS = 200
SHAPE = (1, 8, 8)


def drawn(seed: int) -> Tensor:
    return Noise.of(seed, range(ROWS)).normal(SHAPE).double()


def noise_of_gaussian_data(deviation: float) -> Callable[[Tensor, float], Tensor]:
    """What the best network finds in √ᾱ x + s z where x is N(0, deviation²)."""

    def find(x: Tensor, level: float) -> Tensor:
        return x * level**2 / ((1 - level**2) * deviation**2 + level**2)

    return find


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_reverse_diffusion_ends_with_the_variance_of_the_data(eta: float) -> None:
    deviation, time, steps = 0.5, 200, 100
    share = kept(torch.tensor(reverse_times(time, steps)))
    start = share[0].sqrt() * deviation * drawn(1) + (1 - share[0]).sqrt() * drawn(2)
    chain = ReverseDiffusion(
        steps=steps,
        network=noise_of_gaussian_data(deviation),  # type: ignore[arg-type]
        kept=tuple(share.tolist()),
        eta=eta,
        noise=Noise.of(3, range(ROWS)),
    )
    end = run(start, chain)
    assert float(end.std()) == pytest.approx(deviation, rel=0.03)
    # Without noise of its own it is a scaling; with it, it forgets where it began.
    correlation = float((start * end).mean() / (start.std() * end.std()))
    if eta == 0:
        torch.testing.assert_close(end, start * (end[0, 0, 0, 0] / start[0, 0, 0, 0]))
    else:
        assert correlation < 0.99


def test_one_step_to_time_nought_is_the_expected_image() -> None:
    deviation, share = 0.5, float(kept(torch.tensor(300)))
    network = noise_of_gaussian_data(deviation)
    chain = ReverseDiffusion(steps=1, network=network, kept=(share, 1.0), eta=1.0, noise=Noise.of(0, range(ROWS)))  # type: ignore[arg-type]
    start = drawn(1)
    expected = start * math.sqrt(share) * deviation**2 / (share * deviation**2 + 1 - share)
    torch.testing.assert_close(run(start, chain), expected)


def test_the_schedule_is_that_of_ho_et_al() -> None:
    share = kept(torch.arange(1001))
    assert share[0] == 1
    assert (share.diff() < 0).all()
    assert float(share[1]) == pytest.approx(1 - 1e-4)
    assert float(share[1000] / share[999]) == pytest.approx(1 - 0.02)
    assert float(share[1000]) == pytest.approx(4.04e-5, rel=0.01)
    for start, steps in ((50, 10), (7, 7), (1000, 3)):
        times = reverse_times(start, steps)
        assert times[0] == start
        assert times[-1] == 0
        assert sorted(set(times), reverse=True) == times


@pytest.mark.parametrize("curvature", [0.7, 1.5])
def test_along_a_linear_score_each_step_takes_its_share(curvature: float) -> None:
    x = drawn(1)

    def network(state: Tensor) -> Tensor:
        return curvature * state

    fixed = run(x, ScoreChain(steps=4, network=network, rate=0.3, adaptive=False))  # type: ignore[arg-type]
    torch.testing.assert_close(fixed, x * (1 - 0.3 * curvature) ** 4)
    # An adaptive step is divided by the curvature, and is never longer than the noise found.
    adaptive = run(x, ScoreChain(steps=4, network=network, rate=0.3, adaptive=True))  # type: ignore[arg-type]
    torch.testing.assert_close(adaptive, x * 0.7**4, rtol=1e-6, atol=0)
    longest = run(x, ScoreChain(steps=1, network=network, rate=2.0, adaptive=True))  # type: ignore[arg-type]
    torch.testing.assert_close(longest, x * (1 - min(1, 2 / curvature) * curvature), rtol=1e-6, atol=1e-9)


def test_a_descent_through_a_contracting_sampler_closes_the_gap_at_its_rate() -> None:
    stiffness, steps, rate, descents = 0.2, 3, 0.4, 5
    sampler = LangevinChain(
        steps=steps,
        energy=lambda x: stiffness / 2 * x.square().flatten(1).sum(1),  # times ε² / 2T = 1
        noise=Noise.of(3, range(ROWS)),
        step=0.1,
        temperature=0.005,
    )
    # Small, so that the descent stays where latents are.
    image, z = 0.1 * drawn(1), 0.1 * drawn(2)
    before = image - run(z, sampler)
    after = image - run(run(z, Descent(steps=descents, sampler=sampler, rate=rate), image), sampler)
    torch.testing.assert_close(after, before * (1 - 2 * rate * (1 - stiffness) ** (2 * steps)) ** descents)


def test_a_descent_never_leaves_the_latents_that_the_sampler_was_trained_with() -> None:
    sampler = LangevinChain(
        steps=2,
        energy=lambda x: x.pow(4).flatten(1).sum(1),  # its chains diverge from outside [−1, 1]
        noise=Noise.of(3, range(ROWS)),
        step=0.5,
        temperature=0.5,
    )
    end = run(drawn(2).clamp(-1, 1), Descent(steps=30, sampler=sampler, rate=1.0), 3 * drawn(1))
    assert end.abs().max() <= 1
