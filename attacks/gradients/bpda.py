"""BPDA: a stand-in for the purifier on the way back."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.allowed import Free
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.settings import Count


class BPDA(GradientEstimator):
    """Backward pass differentiable approximation (Athalye et al. 2018a).

    Forward through the purifier, backward through its surrogate; with the identity as surrogate, the classifier's
    gradient at the purified image.

    Args:
        draws: Random draws of the defense that the logits are averaged over.
        surrogate: Which of the defense's surrogates, by name; by default the first that is no identity.
    """

    name = "bpda"

    def __init__(
        self,
        *,
        draws: Count = 1,
        surrogate: Annotated[str, Free("a surrogate that a defense of the suite offers")] = "",
    ) -> None:
        super().__init__(draws=draws)
        self.surrogate = surrogate

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            purified = model.purify(x, noise)
        leaf = x.requires_grad_(True)
        stand_in = model.surrogate(leaf, self.surrogate)
        return leaf, purified.detach() + (stand_in - stand_in.detach())

    def budget(self) -> str:
        return ", gradient by BPDA" + (f" through {self.surrogate}" if self.surrogate else "")
