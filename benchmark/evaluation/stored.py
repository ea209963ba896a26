"""Adversarial images as a file would hold them: 8 bits a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.ball import TOLERANCE, perturbation_size
from benchmark.threat import Norm

_LEVELS = 255


def stored(adversarial: Tensor, clean: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """The images rounded to multiples of 1/255 without leaving the ball: [B, C, H, W].

    Each pixel goes to the nearest level; where that leads out of the ball, to the next level on the way to the clean
    image, which is on the grid itself. For L∞ that is decided for each pixel, for other norms for each image. Rounding
    never changes a pixel that the attack left alone, so an L0 ball is never left.

    Args:
        adversarial: Images within ε of `clean`, in [0, 1].
        clean: Images of 8 bits a pixel, on [0, 1].
        norm, epsilon: The allowed perturbation; `Norm.SPATIAL` bounds no pixel.
    """
    origin = (clean * _LEVELS).round()
    moved = adversarial * _LEVELS - origin
    nearest = moved.round()
    if norm is Norm.SPATIAL:
        return (origin + nearest) / _LEVELS
    limit = epsilon * (1 + 1e-5) + TOLERANCE
    if norm is Norm.LINF:
        outside = nearest.abs() / _LEVELS > limit
    else:
        outside = (perturbation_size(nearest / _LEVELS, norm) > limit).view(-1, 1, 1, 1)
    return (origin + torch.where(outside, moved.trunc(), nearest)) / _LEVELS
