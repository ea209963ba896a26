"""Maximum likelihood for an energy: lower it at the data, raise it where its own chains go."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.bank import Bank
from defenses.energy.convergence import Convergence
from defenses.energy.langevin import drift, langevin_chain
from defenses.energy.network import EnergyNetwork

_LOOK = 20
"""Iterations between two looks at the numbers: each look waits for the device."""


@dataclass(frozen=True)
class EnergyRecipe:
    """How to train an energy.

    Attributes:
        steps, step, temperature: Langevin steps K, ε and T of the chains between two updates.
        data_noise: Standard deviation of the noise on training images, on the scale [−1, 1]. At least ε: chains
            carry that much noise, and images without it (black borders) drive the energy gap to −∞.
        bank_size, rejuvenation: Number of chains, and how often one restarts at a training image.
        batch_size: Images, and chains, in an update.
        iterations, learning_rate, decay: Updates by Adam; over the last share `decay` of them its rate falls to 0.
        sgd_iterations, sgd_learning_rate: Updates by plain gradient descent on F(data) − F(chains) afterwards, the
            second phase of Nijkamp et al. (2020), in which chains and network settle.
    """

    steps: int
    step: float
    temperature: float
    data_noise: float
    bank_size: int
    rejuvenation: float
    batch_size: int
    iterations: int
    learning_rate: float
    decay: float
    sgd_iterations: int
    sgd_learning_rate: float

    def rate(self, iteration: int) -> float:
        """Adam's learning rate at `iteration`."""
        left = (self.iterations - iteration) / self.iterations
        return self.learning_rate * (min(1.0, left / self.decay) if self.decay > 0 else 1.0)


def train_energy(
    network: EnergyNetwork,
    train: LabeledImages,
    recipe: EnergyRecipe,
    *,
    seed: int,
    report: Callable[[float, str], None],
) -> Convergence:
    """Fit `network`, on its device, to the images of `train` in place; the labels are not used.

    The gradient of the mean log-likelihood is that of (mean F(chains) − mean F(data)) / T, with chains from a
    persistent bank (Nijkamp et al. 2020). The same arguments on the same machine, with as many threads, give the same
    weights.

    Raises:
        UserError: A chain diverged, and with it the training.
    """
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    bank = Bank(train, size=recipe.bank_size, rejuvenation=recipe.rejuvenation, generator=generator, device=device)
    noise = Noise.of(seed, range(recipe.batch_size), device=device).stream("energy-training")
    optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    total = recipe.iterations + recipe.sgd_iterations
    gaps = torch.zeros(total, device=device)
    ratios: list[Tensor] = []
    seen = ""
    for i in range(total):
        if i == recipe.iterations:
            optimizer = torch.optim.SGD(network.parameters(), lr=recipe.sgd_learning_rate)
        elif i < recipe.iterations:
            optimizer.param_groups[0]["lr"] = recipe.rate(i)
        rows = torch.randint(len(train), (recipe.batch_size,), generator=generator)
        images = train.floats(rows, device=device) * 2 - 1
        images += recipe.data_noise * noise.stream("data").at(i).normal(train.shape)
        chosen, states = bank.draw(recipe.batch_size)
        with frozen(network):
            states = langevin_chain(
                network,
                states,
                noise.stream("chains"),
                steps=recipe.steps,
                step=recipe.step,
                temperature=recipe.temperature,
                first=i * recipe.steps,
            )
            if i % _LOOK == 0:
                ratios.append(_drift_ratio(network, states, recipe))
        at_data, at_chains = network(torch.cat([images, states])).chunk(2)
        loss = at_data.mean() - at_chains.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        bank.put(chosen, states)
        gaps[i] = loss.detach() / recipe.temperature
        if i % _LOOK == 0 or i == total - 1:
            seen = f"energy gap {float(gaps[i]):.0f}, drift ratio {float(ratios[-1]):.2f}"
        report((i + 1) / total, seen)
    last = min(total, max(100, total // 5))
    return Convergence.measure(gaps[-last:], torch.stack(ratios[-math.ceil(last / _LOOK) :]), bank.states)


def _drift_ratio(network: EnergyNetwork, states: Tensor, recipe: EnergyRecipe) -> Tensor:
    length = drift(network, states, recipe.step, recipe.temperature).flatten(1).norm(dim=1).mean()
    return length / (recipe.step * math.sqrt(states[0].numel()))
