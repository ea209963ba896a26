from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from attacks.geometry.ball import TOLERANCE, Ball, onto_l1_ball, perturbation_size
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm

NORMS = (Norm.LINF, Norm.L2, Norm.L1, Norm.L0)


@settings(max_examples=60, deadline=None)
@given(
    norm=st.sampled_from(NORMS),
    epsilon=st.sampled_from([0.0, 1 / 255, 8 / 255, 0.5, 3.0]),
    scale=st.sampled_from([0.0, 1e-6, 0.1, 10.0, 1e6]),
    seed=st.integers(0, 1000),
)
def test_projection_is_allowed_and_idempotent(norm: Norm, epsilon: float, scale: float, seed: int) -> None:
    noise = Noise.of(seed, range(3))
    center = noise.stream("center").uniform((2, 5, 4))
    ball = Ball(norm, epsilon, center)
    x = ball.project(center + scale * noise.normal((2, 5, 4)))
    assert x.min() >= 0
    assert x.max() <= 1
    assert perturbation_size(x - center, norm).max() <= epsilon * (1 + 1e-5) + TOLERANCE
    assert torch.allclose(ball.project(x), x, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_images_inside_are_left_alone(norm: Norm) -> None:
    center = 0.25 + 0.5 * Noise.of(0, range(4)).uniform((1, 6, 6))
    inside = center.clone()
    inside[:, 0, 2, 3] += 0.01
    assert torch.allclose(Ball(norm, 1.0, center).project(inside), inside, atol=1e-7)


def test_l1_projection_is_the_nearest_point() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        point = rng.normal(size=6)
        ours = onto_l1_ball(torch.from_numpy(point)[None], 1.0)[0].numpy()
        found = minimize(
            lambda v, p=point: ((v[:6] - v[6:] - p) ** 2).sum(),
            np.full(12, 0.05),
            bounds=[(0, None)] * 12,
            constraints={"type": "ineq", "fun": lambda v: 1 - v.sum()},
            tol=1e-12,
        ).x
        np.testing.assert_allclose(ours, found[:6] - found[6:], atol=1e-4)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_steepest_direction_maximises_a_linear_function(norm: Norm) -> None:
    gradient = Noise.of(3, range(2)).normal((1, 4, 4))
    best = (Ball(norm, 1.0, gradient).steepest(gradient) * gradient).flatten(1).sum(1)
    dual = gradient.flatten(1).abs().sum(1) if norm is Norm.LINF else gradient.flatten(1).norm(dim=1)
    assert torch.allclose(best, dual, rtol=1e-5)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_random_starts_fill_the_ball(norm: Norm) -> None:
    center = torch.full((400, 1, 8, 8), 0.5)
    sizes = Ball(norm, 0.1, center).size(Ball(norm, 0.1, center).random(Noise.of(0, range(400))))
    assert sizes.max() <= 0.1 + TOLERANCE
    assert sizes.mean() > 0.09  # in 64 dimensions almost all volume is at the surface
