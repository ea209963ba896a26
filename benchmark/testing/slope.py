"""Whether a gradient is the slope of the function it is taken of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_STEP = 0.01
"""Length (L2) of the finite difference's step: far above rounding, and far below 1/255 in any one pixel."""


def slope_ratios(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor | None:
    """Slope over gradient length, along the gradient of each image's top logit over the others' mean: [B].

    1 where the gradient is true; 0 where the function is locally constant (a quantizer behind a straight-through
    gradient); NaN where the gradient is zero. None when no gradient reaches the image.
    """
    # Off the ends of the range, where clamping would halve the slope.
    x = 0.02 + 0.96 * x
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        logits = function(leaf)
        if not logits.requires_grad:
            return None
        top = logits.detach().argmax(1, keepdim=True)
        (gradient,) = torch.autograd.grad(_lead(logits, top).sum(), leaf, allow_unused=True)
    if gradient is None or not bool((gradient != 0).any()):
        return None
    length = gradient.flatten(1).norm(dim=1)
    direction = _STEP * gradient / length.view(-1, 1, 1, 1).clamp_min(1e-12)
    with torch.no_grad():
        rise = _lead(function(x + direction), top) - _lead(function(x - direction), top)
    ratios = rise / (2 * _STEP * length)
    return ratios[length > 0]


def _lead(logits: Tensor, top: Tensor) -> Tensor:
    own = logits.gather(1, top).squeeze(1)
    return own - (logits.sum(1) - own) / (logits.shape[1] - 1)
