"""A short-run sampler: Langevin steps from noise that end at images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.chain import LangevinChain
from defenses.energy.langevin import Energy


@dataclass(frozen=True)
class Sampler:
    """M of Nijkamp et al. 2019 (Learning non-convergent non-persistent short-run MCMC): latent z → image.

    Attributes:
        energy: Trained with chains of these steps from noise.
        steps, step, temperature: Langevin steps K, ε and T.
    """

    energy: Energy
    steps: int
    step: float
    temperature: float

    def chain(self, noise: Noise) -> LangevinChain:
        """M itself, the noise of its steps fixed: a chain from z to M(z)."""
        return LangevinChain(
            steps=self.steps, energy=self.energy, noise=noise, step=self.step, temperature=self.temperature
        )


def latent(noise: Noise, like: Tensor) -> Tensor:
    """Where chains start, in training and at inference: U(−1, 1), of the shape and type of `like` [B, C, H, W]."""
    return noise.uniform(like.shape[1:], dtype=like.dtype) * 2 - 1
