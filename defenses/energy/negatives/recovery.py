"""Diffusion recovery likelihood: chains that bring back the images from noise."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.langevin import Energy
from defenses.energy.negatives.base import Forgetful

LEVELS = 3
LARGEST = 0.5
"""The strongest noise, on the scale [−1, 1], where no step is so long that twice ε is more."""


class Recovery(Forgetful):
    """Every chain starts at a noisy copy of the image that it is compared with, and is held near that copy.

    The copy is y = x + σ z, and the chain's density that of an image x given its copy,

        p(x | y) ∝ exp(−F(x) / T − ‖x − y‖² / 2σ²)

    (Gao et al. 2021, Learning energy-based models by diffusion recovery likelihood). For small σ it has
    one mode, where that of F alone has many, so that short chains reach it.

    Each row has one of three noise levels, from 2 ε to ½ and a constant factor apart. In the paper the network is told
    the level, and its energy at a level is that of images which have the noise of all levels below; images shrink as
    noise grows, and steps are as long as the level asks for. Here one energy F, that of the images themselves, serves
    every level, since it is F alone that purifies, and steps are those of the purification.

    No chain goes farther than the noise did, so that F may have other minima beyond, and long chains of F alone find
    them: with the default settings of `ebm` on chest X-rays the energy comes out non-convergent.

    Args:
        step, temperature: ε and T of the chains.
    """

    def __init__(self, *, step: float, temperature: float) -> None:
        self._temperature = temperature
        smallest = 2 * step
        ratio = max(1.0, LARGEST / smallest)
        self.deviations = torch.tensor([smallest * ratio ** (level / (LEVELS - 1)) for level in range(LEVELS)])
        """σ of each level: [3], ascending."""

    def start(self, images: Tensor, noise: Noise) -> Tensor:
        levels = (noise.stream("level").uniform((1, 1, 1)) * LEVELS).long()
        deviations = self.deviations.to(images)[levels]
        self._noisy = images + deviations * noise.stream("copy").normal(images.shape[1:])
        self._stiffness = self._temperature / deviations.square()
        return self._noisy

    def followed(self, energy: Energy) -> Energy:
        """F(x) + T ‖x − y‖² / 2σ², for the rows that started last."""
        noisy, stiffness = self._noisy, self._stiffness
        return lambda x: energy(x) + (stiffness / 2 * (x - noisy).square()).flatten(1).sum(1)
