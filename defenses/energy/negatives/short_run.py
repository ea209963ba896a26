"""Short runs from noise."""

from __future__ import annotations

from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.negatives.base import Forgetful


class ShortRun(Forgetful):
    """Every chain starts at uniform noise (Nijkamp et al. 2019, Learning non-convergent non-persistent short-run MCMC).

    The network becomes a generator of exactly as many steps as it was trained with: longer chains leave the images.
    """

    def start(self, images: Tensor, noise: Noise) -> Tensor:
        return noise.uniform(images.shape[1:]) * 2 - 1
