"""How much of an image is left at each time of a diffusion."""

from __future__ import annotations

import torch
from torch import Tensor

TIMES = 1000
FIRST, LAST = 1e-4, 0.02
"""β at the first and the last of `TIMES` times (Ho et al. 2020, section 4)."""


def kept(times: Tensor) -> Tensor:
    """ᾱ at whole `times` from 0 to `TIMES`: the share of the variance that is the image's; 1 at time 0. float64."""
    beta = torch.linspace(FIRST, LAST, TIMES, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)])[times]


def reverse_times(start: int, steps: int) -> list[int]:
    """`steps` + 1 different times from `start` down to 0, as evenly apart as whole numbers are."""
    return [round(start * (steps - k) / steps) for k in range(steps + 1)]
