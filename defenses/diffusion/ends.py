"""Where the reverse steps of a purification by diffusion begin, and what they end at."""

from __future__ import annotations

import math

from torch import Tensor

from benchmark.core.noise import Noise


def noised(x: Tensor, kept: float, noise: Noise) -> Tensor:
    """√ᾱ x + √(1 − ᾱ) z on the scale [−1, 1], z standard normal, from pixels x in [0, 1] (Ho et al. 2020, eq. 4).

    Args:
        x: Images [B, C, H, W].
        kept: ᾱ.
        noise: Draws z.
    """
    z = noise.stream("forward").normal(x.shape[1:], dtype=x.dtype)
    return math.sqrt(kept) * (x * 2 - 1) + math.sqrt(1 - kept) * z


def pixels(state: Tensor) -> Tensor:
    """Pixels in [0, 1] from the scale [−1, 1], clipped."""
    return ((state + 1) / 2).clamp(0, 1)
