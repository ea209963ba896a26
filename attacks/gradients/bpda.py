"""BPDA: a stand-in for the purifier on the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.allowed import Free
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.settings import Count


class BPDA(GradientEstimator):
    """Backward pass differentiable approximation.

    Forward through the purifier, backward through its surrogate; with the identity as surrogate, the classifier's
    gradient at the purified image.

    Args:
        draws: Random draws of the defense that the logits are averaged over.
        surrogate: Which of the defense's surrogates, by name. By default an attack goes through each, one after the
            other; where there is no turn to take, as in a single question, the first that is no identity serves.
    """

    name = "bpda"
    source = "Athalye et al. 2018a, Obfuscated gradients give a false sense of security, section 4.1"

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

    def through(self, surrogates: Sequence[str]) -> list[GradientEstimator]:
        """One for each surrogate, unless a suite has named the only one."""
        if self.surrogate:
            return [self]
        return [BPDA(draws=self.draws, surrogate=name) for name in surrogates]

    def without_use(self, traits: Mapping[str, Any]) -> str:
        if self.surrogate and self.surrogate not in traits["surrogates"]:
            return f"the defense offers no surrogate {self.surrogate!r}; it has: {', '.join(traits['surrogates'])}"
        return "" if traits["purifier"] else "there is no purifier to step around"

    def budget(self) -> str:
        return ", gradient by BPDA" + (f" through {self.surrogate}" if self.surrogate else "")
