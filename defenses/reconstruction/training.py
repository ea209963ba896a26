"""Training of an energy with short chains from noise."""

from __future__ import annotations

from copy import deepcopy

import torch

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.chains.chain import run
from defenses.energy.network import EnergyNetwork
from defenses.reconstruction.sampler import Sampler, latent

SMALL = 0.1
"""Weight of the squared energies in the loss, without which chains from noise run away (Du and Mordatch 2019)."""
KEPT = 20
"""Updates between two checkpoints. The last but one is the last good one, since trouble shows late."""
SLOWEST = 1 / 64
"""The learning rate is halved wherever a chain diverges, down to this share."""


def train_short_run(
    network: EnergyNetwork,
    sampler: Sampler,
    data: FitData,
    *,
    data_noise: float,
    iterations: int,
    batch_size: int,
    learning_rate: float,
) -> None:
    """Fit `network`, on its device, in place: lower at the training images, higher where its chains from noise end.

    The gradient of maximum likelihood with chains too short to converge, which makes the sampler a generator (Nijkamp
    et al. 2019, algorithm 1). Adam; its rate falls to 0 over the second half. Where a chain diverges, training goes on
    from the last good checkpoint at half the rate. The labels are not used. The same
    arguments on the same machine, with as many threads, give the same weights.

    Args:
        network: The energy of `sampler`.
        sampler: The chains.
        data: Images, seed and device.
        data_noise: Standard deviation of the noise on training images, on the scale [−1, 1].
        iterations, batch_size, learning_rate: Updates.

    Raises:
        UserError: Chains diverged at every rate.
    """
    generator = torch.Generator().manual_seed(data.seed)
    noise = Noise.of(data.seed, range(batch_size), device=data.device).stream("short-run")
    optimizer = torch.optim.Adam(network.parameters(), learning_rate)
    good = [deepcopy((network.state_dict(), optimizer.state_dict()))] * 2
    slower = 1.0
    for i in range(iterations):
        optimizer.param_groups[0]["lr"] = slower * learning_rate * min(1.0, 2 * (iterations - i) / iterations)
        rows = torch.randint(len(data.train), (batch_size,), generator=generator)
        images = data.train.floats(rows, device=data.device) * 2 - 1
        images += data_noise * noise.stream("data").at(i).normal(images.shape[1:])
        try:
            with frozen(network):
                ends = run(latent(noise.stream("starts").at(i), images), sampler.chain(noise.stream("chains").at(i)))
        except UserError:
            slower /= 2
            if slower < SLOWEST:
                raise
            network.load_state_dict(good[0][0])
            optimizer.load_state_dict(deepcopy(good[0][1]))
            good[1] = good[0]
            continue
        if i % KEPT == 0:
            good = [good[1], deepcopy((network.state_dict(), optimizer.state_dict()))]
        at_data, at_chains = network(torch.cat([images, ends])).chunk(2)
        size = (at_data.square() + at_chains.square()).mean()
        loss = at_data.mean() - at_chains.mean() + SMALL * size
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        data.report((i + 1) / iterations, "")
