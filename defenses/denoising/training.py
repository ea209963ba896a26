"""Denoising score matching at several levels of noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.denoising.network import NoiseNetwork

KEPT = 0.99
"""Of the running mean of the weights, which is what is kept in the end."""
_LOOK = 50
"""Iterations between two looks at the loss: each look waits for the device."""


@dataclass(frozen=True)
class DenoisingRecipe:
    """How to train a noise network.

    Attributes:
        signal, level: a and s of each level of noise, [L] each; a level is drawn anew for every image.
        low, high: What pixels of 0 and 1 are to the network.
        iterations, batch_size, learning_rate: Updates by Adam, whose rate falls to 0 along half a cosine.
    """

    signal: Tensor
    level: Tensor
    low: float
    high: float
    iterations: int
    batch_size: int
    learning_rate: float


def train_denoising(network: NoiseNetwork, data: FitData, recipe: DenoisingRecipe) -> None:
    """Fit `network`, on its device, to the training images in place; the labels are not used.

    Minimises E ‖n(a x + s z) − s z‖² / s², which is denoising score matching at each level with the weights s² (Song
    and Ermon 2019, eq. 6) and the simple loss of a diffusion model (Ho et al. 2020, eq. 14). What is kept is a running
    mean of the weights. The same arguments on the same machine, with as many threads, give the same weights.

    Raises:
        UserError: Training diverged.
    """
    generator = torch.Generator().manual_seed(data.seed)
    noise = Noise.of(data.seed, range(recipe.batch_size), device=data.device).stream("denoising")
    optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.iterations)
    parameters = list(network.parameters())
    mean = [parameter.detach().clone() for parameter in parameters]
    signal, level = (values.to(data.device)[:, None, None, None] for values in (recipe.signal, recipe.level))
    left, text = torch.zeros((), device=data.device), ""
    for i in range(recipe.iterations):
        rows = torch.randint(len(data.train), (recipe.batch_size,), generator=generator)
        drawn = torch.randint(len(level), (recipe.batch_size,), generator=generator).to(data.device)
        x = data.train.floats(rows, device=data.device) * (recipe.high - recipe.low) + recipe.low
        z = noise.at(i).normal(x.shape[1:])
        s = level[drawn]
        found = network(signal[drawn] * x + s * z, s if network.conditional else None)
        loss = (found / s - z).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for kept, now in zip(mean, parameters, strict=True):
                # At first the mean is short, so that it forgets where training began.
                kept.lerp_(now, max(1 - KEPT, 9 / (10 + i)))
        left = torch.lerp(left, loss.detach(), max(1 - KEPT, 1 / (i + 1)))
        if i % _LOOK == 0 or i == recipe.iterations - 1:
            text = f"noise left {float(left):.3f}"
        data.report((i + 1) / recipe.iterations, text)
    if not bool(left.isfinite()):
        raise UserError("training diverged", where="noise network", remedy="lower learning_rate")
    with torch.no_grad():
        for kept, parameter in zip(mean, parameters, strict=True):
            parameter.copy_(kept)
