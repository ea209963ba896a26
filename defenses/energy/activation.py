"""Activations of an energy network, and why the smooth one is the default."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError, did_you_mean

SLOPE = 0.05
"""Slope of both activations far below zero (Hill et al. 2021)."""


class SoftLeakyReLU(nn.Module):
    """Leaky ReLU with a rounded corner: (1 − a) x + a √(x² + e²) − a e, with a = (1 − slope) / 2.

    Its slope runs from `slope` to 1 and its second derivative, a e² / (x² + e²)^(3/2), is positive everywhere. An
    energy of piecewise-linear activations has no curvature, so the gradient through its Langevin chain is that of
    the identity and an "exact" attack is no stronger than BPDA (Du et al. 2026, MEFA).

    Args:
        slope: Slope far below zero.
        corner: e, the width of the rounded corner.
    """

    corner: Tensor

    def __init__(self, *, slope: float = SLOPE, corner: float = 0.01) -> None:
        super().__init__()
        self.bend = (1 - slope) / 2
        self.offset = self.bend * corner
        self.register_buffer("corner", torch.tensor(corner), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation elementwise."""
        # lerp(x, h, a) = (1 − a) x + a h in one kernel: this is a tenth of a Langevin step's time.
        return torch.lerp(x, torch.hypot(x, self.corner), self.bend) - self.offset


def make_activation(name: str) -> nn.Module:
    """A new activation module, "soft-leaky-relu" or "leaky-relu"; raises UserError for any other name."""
    if name == "soft-leaky-relu":
        return SoftLeakyReLU()
    if name == "leaky-relu":
        return nn.LeakyReLU(SLOPE)
    raise UserError(
        f"unknown activation {name!r}",
        where="energy network",
        remedy=did_you_mean(name, ["soft-leaky-relu", "leaky-relu"]),
    )
