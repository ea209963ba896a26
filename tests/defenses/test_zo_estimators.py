"""Zeroth-order gradient estimates against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.zeroth_order.estimators import (
    Loss,
    coordinate_gradient_estimate,
    linear_surrogate,
    random_gradient_estimate,
    unit_sphere,
)

DTYPE = torch.float64


def quadratic(dimension: int, seed: int = 0) -> tuple[Loss, Tensor, Tensor]:
    """l(z) = ½ zᵀAz + bᵀz with its A and b; A is symmetric and indefinite."""
    generator = torch.Generator().manual_seed(seed)
    half = torch.randn(dimension, dimension, generator=generator, dtype=DTYPE)
    matrix, vector = (half + half.T) / 2, torch.randn(dimension, generator=generator, dtype=DTYPE)

    def loss(points: Tensor) -> Tensor:
        return 0.5 * torch.einsum("bmi,ij,bmj->bm", points, matrix, points) + points @ vector

    return loss, matrix, vector


def directions(samples: int, count: int, dimension: int, seed: int = 0) -> Tensor:
    return unit_sphere(Noise.of(seed, range(samples)).normal((count, dimension), dtype=DTYPE))


def linear(gradient: Tensor) -> Loss:
    return lambda points: points @ gradient


def test_directions_are_uniform_on_the_sphere() -> None:
    d = 20
    u = directions(50, 1000, d).flatten(0, 1)
    assert torch.allclose(u.norm(dim=1), torch.ones(len(u), dtype=DTYPE))
    # The covariance of the uniform distribution on the sphere is I / d; its entries scatter by about 1 / (d √n).
    assert (u.T @ u / len(u) - torch.eye(d) / d).abs().max() < 6 / (d * math.sqrt(len(u)))
    assert u.mean(0).abs().max() < 6 / math.sqrt(d * len(u))


def test_random_directions_are_unbiased_on_a_quadratic() -> None:
    d, q, samples, mu = 50, 200, 400, 0.005
    loss, matrix, vector = quadratic(d)
    z = torch.randn(d, generator=torch.Generator().manual_seed(1), dtype=DTYPE)
    truth = matrix @ z + vector
    estimates = random_gradient_estimate(loss, z.expand(samples, d), directions(samples, q, d), mu)
    error = estimates.mean(0) - truth
    standard_error = (estimates.var(0) / samples).sum().sqrt()
    assert error.norm() < 1.5 * standard_error
    # Tight enough to notice a factor that is off: without d the estimate would be 1 / 50 of this.
    assert standard_error < 0.03 * truth.norm()


@pytest.mark.parametrize("d", [10, 50])
def test_one_direction_has_variance_d_minus_1_times_the_squared_gradient(d: int) -> None:
    gradient = torch.randn(d, generator=torch.Generator().manual_seed(2), dtype=DTYPE)
    estimates = random_gradient_estimate(
        linear(gradient), torch.zeros(40000, d, dtype=DTYPE), directions(40000, 1, d), 0.01
    )
    # On a linear function E‖d (g·u) u‖² = d² ‖g‖² / d, of which ‖g‖² is the squared mean.
    assert estimates.var(0).sum() / gradient.square().sum() == pytest.approx(d - 1, rel=0.03)


@pytest.mark.parametrize("q", [1, 20, 192])
def test_cosine_to_the_gradient_follows_the_number_of_directions(q: int) -> None:
    d, samples = 50, 400
    gradient = torch.randn(d, generator=torch.Generator().manual_seed(3), dtype=DTYPE)
    estimates = random_gradient_estimate(
        linear(gradient), torch.zeros(samples, d, dtype=DTYPE), directions(samples, q, d), 0.01
    )
    squared = nn.functional.cosine_similarity(estimates, gradient.expand(samples, d)).square().mean()
    assert math.sqrt(squared) == pytest.approx(math.sqrt(q / (q + d - 1)), rel=0.06)


def test_long_probes_add_variance_on_a_curved_function() -> None:
    d = 50
    loss, matrix, vector = quadratic(d)
    z, u = torch.zeros(4000, d, dtype=DTYPE), directions(4000, 1, d)
    spread = [random_gradient_estimate(loss, z, u, mu).var(0).sum().item() for mu in (0.005, 1.0)]
    # The term μ d/2 (uᵀAu) u has variance (μd/2)² E(uᵀAu)², and E(uᵀAu)² = (2 tr A² + (tr A)²) / (d (d + 2)).
    curvature = (2 * (matrix @ matrix).trace() + matrix.trace() ** 2) / (d * (d + 2))
    assert spread[1] - spread[0] == pytest.approx((d / 2) ** 2 * curvature.item(), rel=0.15)
    assert spread[0] == pytest.approx((d - 1) * vector.square().sum().item(), rel=0.1)


@settings(max_examples=25, deadline=None)
@given(dimension=st.integers(1, 150), mu=st.floats(1e-3, 2), seed=st.integers(0, 1000))
def test_coordinates_are_exact_on_quadratics(dimension: int, mu: float, seed: int) -> None:
    loss, matrix, vector = quadratic(dimension, seed)
    z = torch.randn(3, dimension, generator=torch.Generator().manual_seed(seed), dtype=DTYPE)
    truth = z @ matrix + vector
    estimate = coordinate_gradient_estimate(loss, z, mu)
    assert (estimate - truth).abs().max() <= 1e-9 * (1 + truth.abs().max())


def test_single_precision_is_good_enough_at_the_default_probe_length() -> None:
    d = 50
    _, matrix, vector = quadratic(d)
    z = torch.randn(4, d, generator=torch.Generator().manual_seed(4), dtype=DTYPE)
    truth = z @ matrix + vector

    def single(points: Tensor) -> Tensor:
        m, v = matrix.float(), vector.float()
        return 0.5 * torch.einsum("bmi,ij,bmj->bm", points, m, points) + points @ v

    error = {
        mu: ((coordinate_gradient_estimate(single, z.float(), mu) - truth).norm() / truth.norm()).item()
        for mu in (1e-4, 5e-3)
    }
    assert error[5e-3] < 1e-3
    assert error[1e-4] > 5 * error[5e-3]


def test_the_surrogate_s_gradient_is_the_jacobian_transposed_times_the_estimate() -> None:
    torch_generator = torch.Generator().manual_seed(5)
    weight = torch.randn(6, 9, generator=torch_generator, dtype=DTYPE, requires_grad=True)
    x = torch.randn(4, 9, generator=torch_generator, dtype=DTYPE)
    a = torch.randn(4, 6, generator=torch_generator, dtype=DTYPE, requires_grad=True)
    z = torch.tanh(x @ weight.T)
    (surrogate_gradient,) = torch.autograd.grad(linear_surrogate(z, a).sum(), weight, retain_graph=True)
    # J^T a by hand: d tanh(Wx)_i / dW_ij = (1 − z_i²) x_j.
    by_hand = torch.einsum("bi,bi,bj->ij", a.detach(), 1 - z.detach().square(), x)
    assert torch.allclose(surrogate_gradient, by_hand)
    (gradient_of_estimate,) = torch.autograd.grad(linear_surrogate(z, a).sum(), a, allow_unused=True)
    assert gradient_of_estimate is None


def test_training_through_the_surrogate_equals_autograd_through_the_loss() -> None:
    generator = torch.Generator().manual_seed(6)
    weight = torch.randn(6, 9, generator=generator, dtype=DTYPE, requires_grad=True)
    head = torch.randn(3, 6, generator=generator, dtype=DTYPE)
    x, y = torch.randn(5, 9, generator=generator, dtype=DTYPE), torch.tensor([0, 1, 2, 1, 0])

    def cross_entropy(points: Tensor) -> Tensor:
        logits = torch.tanh(points) @ head.T
        return nn.functional.cross_entropy(
            logits.transpose(1, 2), y[:, None].expand(points.shape[:2]), reduction="none"
        )

    z = x @ weight.T
    (truth,) = torch.autograd.grad(cross_entropy(z[:, None]).sum(), weight, retain_graph=True)
    estimate = coordinate_gradient_estimate(cross_entropy, z.detach(), 0.005)
    (found,) = torch.autograd.grad(linear_surrogate(z, estimate).sum(), weight)
    assert (found - truth).norm() < 1e-4 * truth.norm()
