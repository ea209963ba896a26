"""Autograd: the chain rule through everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise


class Autograd(GradientEstimator):
    """The chain rule through everything, purification included."""

    name = "autograd"
    source = "Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1"
    exact = True

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        leaf = x.requires_grad_(True)
        return leaf, model.purify(leaf, noise)

    def without_use(self, traits: Mapping[str, Any]) -> str:
        return "" if traits["differentiable"] else "the defense has no gradient; bpda replaces it"

    def passes(self, model: DefendedModel) -> Passes:
        # Differentiating a purifier runs each of its networks backwards once more.
        purify = model.purify_passes
        return Passes(self.draws * (1 + purify.forwards), self.draws * (1 + purify.forwards + purify.backwards))
