"""Steps along a score towards clean images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from defenses.chains.chain import Chain
from defenses.denoising.network import NoiseNetwork

PROBE = 1e-3
"""δ, how far along a step its curvature is looked for."""


@dataclass(frozen=True, kw_only=True)
class ScoreChain(Chain):
    """x ← x − α n(x), without noise, n(x) being the noise that the network finds: −s² times the score.

    Attributes:
        network: Not conditional: how much noise is left after a step is not known.
        rate: α of a fixed step; λ of an adaptive one, α = λ δ / (1 − ⟨n(x), n(x − δ n(x))⟩ / ‖n(x)‖²), which is λ
            over the curvature of log p along the step (Yoon et al. 2021, section 3.2), and at most 1.
        adaptive: Whether α is found anew for each image at each step, by another pass.
    """

    network: NoiseNetwork
    rate: float
    adaptive: bool

    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        del k, image
        found = self.network(state)
        if not self.adaptive:
            return state - self.rate * found
        beyond = self.network(state - PROBE * found)
        moved = (found * (found - beyond)).sum((1, 2, 3), keepdim=True)
        # With no curvature, or a negative one, the whole noise is taken: never more.
        share = moved / found.square().sum((1, 2, 3), keepdim=True).clamp_min(1e-12)
        alpha = self.rate * PROBE / torch.clamp_min(share, self.rate * PROBE)
        return state - alpha * found
