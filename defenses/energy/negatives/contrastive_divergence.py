"""Contrastive divergence: chains that start at the data."""

from __future__ import annotations

from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.negatives.base import Forgetful


class ContrastiveDivergence(Forgetful):
    """Every chain starts at the training image that it is compared with (Hinton 2002).

    What lies far from all images is never visited, so that its energy may be anything.
    """

    def start(self, images: Tensor, noise: Noise) -> Tensor:
        del noise
        return images
