"""Adversarial images as a file would hold them: 8 bits a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.geometry.ball import TOLERANCE, perturbation_size
from benchmark.core.threat import Norm

_LEVELS = 255


def stored(adversarial: Tensor, clean: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """The images rounded to multiples of 1/255 without leaving the ball: [B, C, H, W].

    Each pixel goes to the nearest level; where that leads out of the ball, to the next level on the way to the clean
    image, which is on the grid itself. For L∞ that is decided for each pixel; for L2 and L1 as few pixels as it takes
    go that way, those first that lie furthest from their nearest level. Rounding never changes a pixel that the attack
    left alone, so an L0 ball is never left.

    Args:
        adversarial: Images within ε of `clean`, in [0, 1].
        clean: Images of 8 bits a pixel, on [0, 1].
        norm, epsilon: The allowed perturbation; `Norm.SPATIAL` bounds no pixel.
    """
    origin = (clean * _LEVELS).round()
    moved = adversarial * _LEVELS - origin
    nearest = moved.round()
    limit = epsilon * (1 + 1e-5) + TOLERANCE
    if norm is Norm.LINF:
        nearest = torch.where(nearest.abs() / _LEVELS > limit, moved.trunc(), nearest)
    elif norm in (Norm.L2, Norm.L1):
        outside = (perturbation_size(nearest / _LEVELS, norm) > limit).nonzero().flatten()
        power = 2 if norm is Norm.L2 else 1
        nearest[outside] = _brought_back(moved[outside], nearest[outside], power, epsilon * _LEVELS)
    return (origin + nearest) / _LEVELS


def _brought_back(moved: Tensor, nearest: Tensor, power: int, limit: float) -> Tensor:
    """`nearest` with as few pixels as it takes rounded towards 0, so that Σ|·|^`power` is at most `limit`^`power`."""
    inward = moved.trunc()
    sizes = [levels.flatten(1).double().abs() ** power for levels in (nearest, inward)]
    saving, excess = sizes[0] - sizes[1], sizes[0].sum(1, keepdim=True) - limit**power
    doubt = torch.where(saving > 0, (nearest - moved).abs().flatten(1).double(), -1.0)
    order = doubt.argsort(dim=1, descending=True, stable=True)
    ordered = saving.gather(1, order)
    # A pixel goes back while those before it do not save enough.
    back = torch.zeros_like(saving).scatter(1, order, ordered * (ordered.cumsum(1) - ordered < excess)) > 0
    return torch.where(back.view_as(moved), inward, nearest)
