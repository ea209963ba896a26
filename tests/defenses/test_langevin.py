"""Langevin dynamics and its energies against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from defenses.energy.activation import SLOPE, SoftLeakyReLU, make_activation
from defenses.energy.langevin import drift, langevin_chain, langevin_step
from defenses.energy.network import EnergyNetwork


def quadratic(stiffness: float):
    return lambda x: stiffness / 2 * x.flatten(1).square().sum(1)


def network(activation: str = "soft-leaky-relu", architecture: str = "lite", shape=(1, 28, 28)) -> EnergyNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EnergyNetwork(architecture=architecture, shape=shape, features=8, activation=activation)


@pytest.mark.parametrize("stiffness", [0.1, 0.5, 1.0, 1.9])
def test_variance_on_a_quadratic_well(stiffness: float) -> None:
    # With T = ε² / 2 the chain is x ← (1 − s) x + ε z, whose variance is ε² / (s (2 − s)).
    epsilon, pixels, burn_in, kept = 0.2, (1, 40, 40), 100, 30
    settings_ = {"step": epsilon, "temperature": epsilon**2 / 2}
    noise = Noise.of(0, range(8))
    x = torch.zeros(8, *pixels)
    x = langevin_chain(quadratic(stiffness), x, noise, steps=burn_in, **settings_)
    squares = []
    for i in range(kept):
        x = langevin_chain(quadratic(stiffness), x, noise, steps=1, first=burn_in + i, **settings_)
        squares.append(x.double().square().mean())
    measured, exact = float(torch.stack(squares).mean()), epsilon**2 / (stiffness * (2 - stiffness))
    # Correlation time of x² is (1 + ρ) / (1 − ρ) with ρ = (1 − s)²; each step has 12,800 pixels.
    rho = (1 - stiffness) ** 2
    error = exact * math.sqrt(2 / 12_800 * min(1.0, (1 + rho) / (1 - rho) / kept))
    assert abs(measured - exact) < 4 * error


@pytest.mark.parametrize(("stiffness", "epsilon"), [(2.0, 20.0), (2.1, 0.1), (3.0, 0.1)])
def test_a_well_at_or_past_the_stability_limit_is_reported(stiffness: float, epsilon: float) -> None:
    # At s = 2 itself the variance is that of a random walk, n ε² after n steps; past it, it grows exponentially.
    with pytest.raises(UserError, match="diverged"):
        langevin_chain(
            quadratic(stiffness),
            torch.ones(2, 1, 4, 4),
            Noise.of(0, [0, 1]),
            steps=200,
            step=epsilon,
            temperature=epsilon**2 / 2,
        )


def test_a_chain_that_is_not_finite_is_reported() -> None:
    with pytest.raises(UserError, match="diverged"):
        langevin_chain(
            lambda x: x.sum((1, 2, 3)) * math.nan,
            torch.zeros(1, 1, 2, 2),
            Noise.of(0, [0]),
            steps=1,
            step=1,
            temperature=1,
        )


def test_the_temperature_divides_the_drift_alone() -> None:
    x, z = torch.randn(3, 1, 5, 5), torch.zeros(3, 1, 5, 5)
    cold, warm = (langevin_step(quadratic(1.0), x, 0.1, t, z) - x for t in (0.1, 0.2))
    torch.testing.assert_close(cold, 2 * warm)
    torch.testing.assert_close(cold, -0.05 * x)


def test_a_chain_in_two_parts_is_the_whole_chain() -> None:
    energy, noise = network(), Noise.of(0, range(8))
    x = torch.rand(8, 1, 28, 28)
    whole = langevin_chain(energy, x, noise, steps=7, step=0.03, temperature=4e-4)
    part = langevin_chain(energy, x, noise, steps=3, step=0.03, temperature=4e-4)
    assert torch.equal(whole, langevin_chain(energy, part, noise, steps=4, step=0.03, temperature=4e-4, first=3))


def test_the_drift_gives_the_exact_derivative_of_a_chain_from_its_states() -> None:
    # Backwards through the states alone, against finite differences of the chain with the same noise.
    energy = network().double()
    step, temperature, steps = 0.05, 1e-4, 5
    noise = Noise.of(0, [0])
    x = torch.rand(1, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    upstream = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))

    def end(start: Tensor) -> Tensor:
        return langevin_chain(energy, start, noise, steps=steps, step=step, temperature=temperature)

    states = [langevin_chain(energy, x, noise, steps=k, step=step, temperature=temperature) for k in range(steps)]
    pulled = upstream
    for state in reversed(states):
        start = state.clone().requires_grad_(True)
        pulled = pulled - torch.autograd.grad(drift(energy, start, step, temperature), start, pulled)[0]
    h = 1e-6
    difference = ((end(x + h * direction) - end(x - h * direction)) / (2 * h) * upstream).sum()
    exact, identity = (pulled * direction).sum(), (upstream * direction).sum()
    assert abs(exact - difference) < 1e-5 * abs(difference)
    assert abs(exact - identity) > 1e-2 * abs(identity)


def test_chain_derivative_on_a_quadratic_well() -> None:
    start = torch.ones(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    x, z = start, torch.zeros_like(start)
    for _ in range(6):
        x = langevin_step(quadratic(0.3), x, 0.1, 0.005, z)
    (derivative,) = torch.autograd.grad(x.sum(), start)
    torch.testing.assert_close(derivative, torch.full_like(derivative, 0.7**6))


def test_no_graph_is_built_unless_asked_for() -> None:
    energy = network()
    x = torch.rand(2, 1, 28, 28)
    assert not drift(energy, x, 0.1, 0.1).requires_grad
    assert drift(energy, x.requires_grad_(), 0.1, 0.1).requires_grad
    with torch.no_grad():
        assert not drift(energy, x, 0.1, 0.1).requires_grad
    assert not langevin_chain(energy, x, Noise.of(0, [0, 1]), steps=2, step=0.1, temperature=0.1).requires_grad
    assert all(p.grad is None for p in energy.parameters())


@given(x=st.floats(-5, 5), slope=st.floats(0.01, 0.9), corner=st.floats(0.001, 1))
def test_soft_leaky_relu_is_its_definition(x: float, slope: float, corner: float) -> None:
    point = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = SoftLeakyReLU(slope=slope, corner=corner).double()(point)
    (first,) = torch.autograd.grad(value, point, create_graph=True)
    (second,) = torch.autograd.grad(first, point, create_graph=True)
    (third,) = torch.autograd.grad(second, point)
    a = (1 - slope) / 2
    root = math.sqrt(x * x + corner * corner)
    assert value.item() == pytest.approx((1 - a) * x + a * root - a * corner, abs=1e-6)
    assert first.item() == pytest.approx(1 - a + a * x / root, abs=1e-6)
    assert second.item() == pytest.approx(a * corner**2 / root**3, rel=1e-5)
    assert second > 0
    assert third.item() == pytest.approx(-3 * a * corner**2 * x / root**5, rel=1e-5)


def test_both_derivatives_of_soft_leaky_relu_agree_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.float64, generator=generator) * torch.tensor([[[0.02]], [[1.0]]])
    x = x.transpose(1, 2).requires_grad_(True)
    activation = SoftLeakyReLU()
    assert torch.autograd.gradcheck(activation, x)
    assert torch.autograd.gradgradcheck(activation, x)


def test_soft_leaky_relu_tends_to_leaky_relu() -> None:
    x = torch.tensor([-100.0, -10.0, -1.0, 0.0, 1.0, 10.0, 100.0], requires_grad=True)
    soft, leaky = (make_activation(name) for name in ("soft-leaky-relu", "leaky-relu"))
    # Away from the corner they differ by the constant a e, which centres the soft one on 0 at 0.
    torch.testing.assert_close(soft(x), leaky(x), atol=0.006, rtol=0)
    assert soft(torch.zeros(())) == pytest.approx(0, abs=1e-9)
    (slopes,) = torch.autograd.grad(soft(x).sum(), x)
    torch.testing.assert_close(slopes[[0, -1]], torch.tensor([SLOPE, 1.0]))


@pytest.mark.parametrize("architecture", ["vanilla", "lite", "residual"])
def test_only_the_smooth_activation_has_curvature(architecture: str) -> None:
    x = torch.rand(2, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) * 2 - 1
    v = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    curvature = {}
    for activation in ("soft-leaky-relu", "leaky-relu"):
        start = x.clone().requires_grad_(True)
        pulled = drift(network(activation, architecture).double(), start, 1.0, 0.5)
        (product,) = torch.autograd.grad(pulled, start, v, allow_unused=True)
        curvature[activation] = 0.0 if product is None else float(product.norm())
    assert curvature["leaky-relu"] == 0
    assert curvature["soft-leaky-relu"] > 0


@settings(max_examples=15, deadline=None)
@given(
    architecture=st.sampled_from(["vanilla", "lite", "residual"]),
    channels=st.integers(1, 4),
    height=st.integers(5, 70),
    width=st.integers(5, 70),
)
def test_any_shape_has_one_energy_an_image(architecture: str, channels: int, height: int, width: int) -> None:
    energy = network(architecture=architecture, shape=(channels, height, width))
    x = torch.rand(3, channels, height, width)
    together = energy(x)
    assert together.shape == (3,)
    alone = torch.cat([energy(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_sizes_are_those_of_the_published_networks() -> None:
    def size(architecture: str, features: int, shape: tuple[int, int, int]) -> int:
        net = EnergyNetwork(architecture=architecture, shape=shape, features=features, activation="leaky-relu")
        return sum(p.numel() for p in net.parameters())

    # Hill's network of 32 features has 0.69 million parameters on 28×28; eight features have 44 thousand.
    assert size("vanilla", 32, (1, 28, 28)) == pytest.approx(0.69e6, rel=0.01)
    assert size("vanilla", 8, (1, 28, 28)) == pytest.approx(44e3, rel=0.02)
    assert size("lite", 16, (1, 28, 28)) == pytest.approx(42e3, rel=0.01)
    # The discriminator of Miyato et al. 2018 for 32×32 colour images: 128 features in four blocks.
    assert size("residual", 128, (3, 32, 32)) == pytest.approx(1.05e6, rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"architecture": "vanila"}, "did you mean 'vanilla'"),
        ({"activation": "relu"}, "did you mean"),
        ({"shape": (1, 4, 40)}, "too small"),
        ({"shape": (1, 40, 4), "architecture": "vanilla"}, "too small"),
    ],
)
def test_what_cannot_be_built_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        EnergyNetwork(
            **{"architecture": "lite", "shape": (1, 28, 28), "features": 8, "activation": "leaky-relu", **wrong}
        )
    assert message in str(error.value)
