"""Activations of an energy network, and why the smooth one is the default."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

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

    def __init__(self, *, slope: float = SLOPE, corner: float = 0.01) -> None:
        super().__init__()
        self.bend = (1 - slope) / 2
        self.corner = corner

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation elementwise."""
        value: Tensor = _Value.apply(x, self.bend, self.corner)  # type: ignore[no-untyped-call]
        return value


class _Value(Function):
    """The activation of x, for a and e.

    Written out since operations of torch alone take more than twice as long, a tenth of a Langevin step's time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bend: float, corner: float) -> Tensor:
        root = x.square().add_(corner**2).sqrt_()
        ctx.save_for_backward(x, root)
        ctx.bend, ctx.corner = bend, corner
        # lerp(x, h, a) = (1 − a) x + a h in one pass.
        return torch.lerp(x, root, bend).sub_(bend * corner)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        pulled: Tensor = _PulledBack.apply(*upstream, *ctx.saved_tensors, ctx.bend, ctx.corner)  # type: ignore[no-untyped-call]
        return pulled, None, None


class _PulledBack(Function):
    """The upstream gradient g times the activation's slope at x, which is 1 − a + a x / √(x² + e²)."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, root: Tensor, bend: float, corner: float) -> Tensor:
        ctx.save_for_backward(g, x, root)
        ctx.bend, ctx.corner = bend, corner
        bent = (x / root).mul_(g)
        return torch.lerp(g, bent, bend, out=bent)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        g, x, root = ctx.saved_tensors
        (v,) = upstream
        if torch.is_grad_enabled():
            # Anew from x, so that autograd knows where a third derivative comes from.
            root = (x.square() + ctx.corner**2).sqrt()
        straight = torch.lerp(v, x / root * v, ctx.bend)
        return straight, ctx.bend * ctx.corner**2 * g * v / root**3, None, None, None


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
