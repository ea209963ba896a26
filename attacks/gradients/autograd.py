"""Autograd: the chain rule through everything."""

from __future__ import annotations

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise


class Autograd(GradientEstimator):
    """The chain rule through everything, purification included."""

    name = "autograd"
    exact = True

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        leaf = x.requires_grad_(True)
        return leaf, model.purify(leaf, noise)

    def passes(self, model: DefendedModel) -> Passes:
        # Differentiating a purifier runs each of its networks backwards once more.
        purify = model.purify_passes
        return Passes(self.draws * (1 + purify.forwards), self.draws * (1 + purify.forwards + purify.backwards))
