"""Which gradient estimator suits a defense, from what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.gradients.exact import Exact


def automatic(traits: Mapping[str, Any]) -> type[GradientEstimator]:
    """What a suite means by "auto": the chain rule where it holds, a stand-in for the purifier where it does not."""
    return Autograd if traits["differentiable"] else BPDA


def best(traits: Mapping[str, Any]) -> type[GradientEstimator]:
    """The best that a defense offers."""
    return Exact if traits["exact_gradient"] else automatic(traits)
