"""Purification by Langevin dynamics beside the plain loop of the reference repositories, timed in turns in one process.

    python -m pytest tests/speed/test_langevin.py -s

Sample-steps per CPU second of the process on one thread, the most of `ROUNDS` turns. Nothing is asserted of times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.chain import LangevinChain
from defenses.energy.langevin import Energy, langevin_chain
from defenses.energy.network import EnergyNetwork

ROUNDS = 3
SHAPE = (1, 28, 28)
EPSILON = 0.01
TEMPERATURE = EPSILON**2 / 2
CASES = [("vanilla", 32, 3), ("lite", 16, 12)]
"""Network, features, and Langevin steps of a turn."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def plain_loop(energy: Energy, x: Tensor, steps: int) -> Tensor:
    """As Hill et al. 2021 write it."""
    state = x.clone().requires_grad_(True)
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(energy(state).sum(), [state])
        state.data -= gradient
        state.data += EPSILON * torch.randn_like(state)
    return state.detach()


def defended(energy: EnergyNetwork, steps: int) -> DefendedModel:
    def purify(x: Tensor, noise: Noise) -> Tensor:
        return langevin_chain(energy, x, noise, steps=steps, step=EPSILON, temperature=TEMPERATURE)

    def exact(x: Tensor, noise: Noise) -> Tensor:
        chain = LangevinChain(steps=steps, energy=energy, noise=noise, step=EPSILON, temperature=TEMPERATURE)
        return differentiable_chain(x, chain)

    return DefendedModel(energy, purify=purify, exact_purify=exact, networks=[energy], randomized=True)


def exact_gradient(model: DefendedModel, x: Tensor, noise: Noise) -> Tensor:
    leaf = x.clone().requires_grad_(True)
    return torch.autograd.grad(model.exact_purify(leaf, noise).square().sum(), leaf)[0]


@pytest.mark.parametrize(("architecture", "features", "steps"), CASES)
def test_sample_steps_per_second(architecture: str, features: int, steps: int) -> None:
    networks = {
        name: EnergyNetwork(architecture=architecture, shape=SHAPE, features=features, activation=name)
        .eval()
        .requires_grad_(False)
        for name in ("leaky-relu", "soft-leaky-relu")
    }
    x, noise = Noise.of(1, range(384)).uniform(SHAPE), Noise.of(0, range(384))
    ways: dict[str, tuple[int, Callable[[], Tensor]]] = {}
    for name, network in networks.items():
        model = defended(network, steps)
        ways[f"{name}, plain loop of 64"] = (64, lambda n=network: plain_loop(n, x[:64], steps))  # type: ignore[misc]
        ways[f"{name}, plain loop of 384"] = (384, lambda n=network: plain_loop(n, x, steps))  # type: ignore[misc]
        ways[f"{name}, ours of 64"] = (64, lambda m=model: m.purify(x[:64], noise[:64]))  # type: ignore[misc]
        ways[f"{name}, ours of 384"] = (384, lambda m=model: m.purify(x, noise))  # type: ignore[misc]
        ways[f"{name}, exact gradient of 64"] = (64, lambda m=model: exact_gradient(m, x[:64], noise[:64]))  # type: ignore[misc]
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, (_rows, way) in ways.items():
            started = time.process_time()
            way()
            least[name] = min(least[name], time.process_time() - started)
    print(f"\n{architecture}, {features} features, sample-steps a second")
    for name, (rows, _) in ways.items():
        print(f"  {name:<40}{rows * steps / least[name]:>9.0f}")
    whole = defended(networks["soft-leaky-relu"], steps)
    assert torch.equal(whole.purify(x, noise)[:64], whole.purify(x[:64], noise[:64]))
