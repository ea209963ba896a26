"""Exact: the true gradient of a purifier that runs without a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise


class Exact(GradientEstimator):
    """The true gradient of a purifier that runs without a graph: through its `exact_purify`."""

    name = "exact"
    source = "Du et al. 2026, MEFA"
    exact = True

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        leaf = x.requires_grad_(True)
        return leaf, model.exact_purify(leaf, noise)

    def without_use(self, traits: Mapping[str, Any]) -> str:
        if traits["exact_gradient"]:
            return ""
        return "autograd is exact already" if traits["differentiable"] else "the defense offers no exact gradient"

    def budget(self) -> str:
        return ", exact gradient through purification"

    def passes(self, model: DefendedModel) -> Passes:
        # Each step is run three times, the last with a graph, which then takes a backward pass of every pass in it.
        purify = model.purify_passes
        forwards, backwards = 3 * purify.forwards, 3 * purify.backwards + purify.forwards
        return Passes(self.draws * (1 + forwards), self.draws * (1 + backwards))
