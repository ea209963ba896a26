"""The exact gradient through purification, against autograd, finite differences and closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.gradients.bpda import BPDA
from attacks.gradients.exact import Exact
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from defenses.chains.chain import Chain
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.chain import LangevinChain
from defenses.energy.langevin import drift, langevin_chain
from defenses.energy.network import EnergyNetwork

SHAPE = (1, 28, 28)


def network(activation: str) -> EnergyNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EnergyNetwork(architecture="lite", shape=SHAPE, features=4, activation=activation).double()


def chain(energy, steps: int, rows: int = 8) -> LangevinChain:  # type: ignore[no-untyped-def]
    # A temperature far below the noise's own makes the drift, and with it the curvature, count.
    return LangevinChain(steps=steps, energy=energy, noise=Noise.of(0, range(rows)), step=0.05, temperature=2e-5)


def start(rows: int = 8) -> Tensor:
    return Noise.of(1, range(rows)).uniform(SHAPE, dtype=torch.float64) * 2 - 1


def vjp(x: Tensor, upstream: Tensor, chain: Chain) -> Tensor:
    leaf = x.clone().requires_grad_(True)
    return torch.autograd.grad(differentiable_chain(leaf, chain), leaf, upstream)[0]


@pytest.mark.parametrize("steps", [1, 5, 11])
def test_it_is_autograd_through_the_whole_graph(steps: int) -> None:
    spec, x = chain(network("soft-leaky-relu"), steps), start()
    upstream = Noise.of(2, range(8)).normal(SHAPE, dtype=torch.float64)
    leaf = x.clone().requires_grad_(True)
    state = leaf
    for k in range(steps):
        z = spec.noise.at(k).normal(SHAPE, dtype=torch.float64)
        state = state - drift(spec.energy, state, spec.step, spec.temperature) + spec.step * z
    naive = torch.autograd.grad(state, leaf, upstream)[0]
    ours = vjp(x, upstream, spec)
    assert torch.allclose(ours, naive, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(ours, upstream, rtol=1e-3)  # the energy has curvature to speak of


def test_it_is_the_finite_difference_of_the_chain_with_its_noise_fixed() -> None:
    spec, x = chain(network("soft-leaky-relu"), 7), start()
    upstream = Noise.of(2, range(8)).normal(SHAPE, dtype=torch.float64)
    direction = Noise.of(3, range(8)).normal(SHAPE, dtype=torch.float64)
    settings = {"steps": spec.steps, "step": spec.step, "temperature": spec.temperature}

    def end(moved: Tensor) -> Tensor:
        return (langevin_chain(spec.energy, moved, spec.noise, **settings) * upstream).flatten(1).sum(1)  # type: ignore[arg-type]

    h = 1e-7
    difference = (end(x + h * direction) - end(x - h * direction)) / (2 * h)
    assert torch.allclose((vjp(x, upstream, spec) * direction).flatten(1).sum(1), difference, rtol=1e-5, atol=1e-6)


def test_a_piecewise_linear_energy_has_no_curvature_so_exact_is_bpda() -> None:
    """The published defense: its 'full gradient' is the identity, and would only look like a confirmation."""
    spec, x = chain(network("leaky-relu"), 9), start()
    upstream = Noise.of(2, range(8)).normal(SHAPE, dtype=torch.float64)
    assert torch.equal(vjp(x, upstream, spec), upstream)


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_on_a_quadratic_well_each_step_shrinks_by_one_minus_its_stiffness(steps: int) -> None:
    stiffness = 0.3  # times ε² / 2T = 1
    spec = LangevinChain(
        steps=steps,
        energy=lambda x: stiffness / 2 * x.square().flatten(1).sum(1),
        noise=Noise.of(0, range(3)),
        step=0.1,
        temperature=0.005,
    )
    upstream = Noise.of(2, range(3)).normal((1, 4, 4), dtype=torch.float64)
    assert torch.allclose(vjp(torch.zeros_like(upstream), upstream, spec), upstream * (1 - stiffness) ** steps)


def test_forward_is_the_chain_itself() -> None:
    spec, x = chain(network("soft-leaky-relu"), 10), start()
    plain = langevin_chain(spec.energy, x, spec.noise, steps=10, step=spec.step, temperature=spec.temperature)
    assert torch.equal(differentiable_chain(x, spec), plain)


def test_attacks_reach_it_through_the_estimator() -> None:
    energy = network("soft-leaky-relu").float()
    head = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    noise = Noise.of(0, range(8))

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return langevin_chain(energy, x, noise, steps=6, step=0.05, temperature=2e-5)

    def exact(x: Tensor, noise: Noise) -> Tensor:
        return differentiable_chain(x, LangevinChain(steps=6, energy=energy, noise=noise, step=0.05, temperature=2e-5))

    model = DefendedModel(head, purify=purify, exact_purify=exact, networks=[energy], randomized=True)
    x, aim = start().float(), Aim(torch.zeros(8, dtype=torch.int64))
    ours = Exact(draws=2)(model, CrossEntropy(), x, aim, noise)
    bpda = BPDA(draws=2)(model, CrossEntropy(), x, aim, noise)
    assert torch.allclose(ours.logits, bpda.logits, atol=1e-6)
    assert not torch.allclose(ours.gradient, bpda.gradient, rtol=1e-3)
