"""Images of 8 bits a pixel beside adversarial ones: on the grid, within the ball, as near as can be."""

from __future__ import annotations

import pytest
import torch

from attacks.geometry.ball import Ball, perturbation_size
from attacks.geometry.stored import stored
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm

SHAPE = (3, 9, 7)


def clean(count: int) -> torch.Tensor:
    return (Noise.of(0, range(count)).uniform(SHAPE) * 255).round() / 255


@pytest.mark.parametrize(
    ("norm", "epsilon"), [(Norm.LINF, 8 / 255), (Norm.LINF, 0.02), (Norm.L2, 0.4), (Norm.L1, 3.0), (Norm.L0, 5)]
)
def test_what_is_stored_is_on_the_grid_and_in_the_ball(norm: Norm, epsilon: float) -> None:
    x = clean(40)
    edge = Ball(norm, epsilon, x).project(x + Noise.of(1, range(40)).normal(SHAPE))
    found = stored(edge, x, norm, epsilon)
    assert torch.equal(found, (found * 255).round() / 255)
    assert 0 <= found.min() <= found.max() <= 1
    assert bool((perturbation_size(found - x, norm) <= epsilon * (1 + 1e-5) + 1e-6).all())
    assert (found - edge).abs().max() < 1 / 255 + 1e-6
    assert not torch.equal(found, x)


@pytest.mark.parametrize(("norm", "epsilon"), [(Norm.L2, 0.2), (Norm.L1, 3.0)])
def test_no_more_of_a_perturbation_is_given_up_than_the_ball_asks_for(norm: Norm, epsilon: float) -> None:
    """Rounding all pixels inwards would lose half a level in each: a tenth of the L2 norm, and more of the L1."""
    x = clean(40).clamp(0.2, 0.8).mul(255).round() / 255
    edge = Ball(norm, epsilon, x).project(x + 0.1 * Noise.of(1, range(40)).normal(SHAPE))
    found = stored(edge, x, norm, epsilon)
    assert bool((perturbation_size(found - x, norm) > 0.97 * perturbation_size(edge - x, norm)).all())
    one = stored(edge[7:8], x[7:8], norm, epsilon)
    assert torch.equal(one, found[7:8])


def test_a_bound_on_the_grid_is_kept_and_one_between_levels_is_rounded_inwards() -> None:
    x = clean(8).clamp(0.2, 0.8).mul(255).round() / 255
    sign = Noise.of(2, range(8)).signs(SHAPE)
    assert torch.allclose(stored(x + sign * 8 / 255, x, Norm.LINF, 8 / 255), x + sign * 8 / 255, atol=1e-6)
    for epsilon in (8.4 / 255, 8.7 / 255):
        assert torch.allclose(stored(x + sign * epsilon, x, Norm.LINF, epsilon), x + sign * 8 / 255, atol=1e-6)


def test_inside_the_ball_every_pixel_goes_to_its_nearest_level() -> None:
    x = clean(8)
    within = (x + 0.01 * (Noise.of(3, range(8)).uniform(SHAPE) - 0.5)).clamp(0, 1)
    for norm, epsilon in ((Norm.LINF, 0.1), (Norm.L2, 5.0), (Norm.SPATIAL, 1.0)):
        assert torch.allclose(stored(within, x, norm, epsilon), (within * 255).round() / 255, atol=1e-7)


def test_what_was_not_touched_stays() -> None:
    x = clean(4)
    for norm in Norm:
        assert torch.equal(stored(x, x, norm, 0.0), x)
