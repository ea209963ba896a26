"""Undefended: the gradient of an attacker who ignores the defense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise


class Undefended(GradientEstimator):
    """The gradient of the classifier alone, as if there were no purifier: an attacker who ignores the defense."""

    name = "undefended"
    source = (
        "Carlini and Wagner 2017, Adversarial examples are not easily detected, section 2: the zero-knowledge attacker"
    )
    sees_defense = False

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        leaf = x.requires_grad_(True)
        return leaf, leaf

    def without_use(self, traits: Mapping[str, Any]) -> str:
        return "" if traits["purifier"] else "there is no purifier to step around"

    def passes(self, model: DefendedModel) -> Passes:
        return Passes(self.draws, self.draws)
