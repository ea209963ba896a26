"""A gradient from values alone: antithetic differences along random directions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attacks.gradients.base import finite_or_zero
from benchmark.core.noise import Noise

Ask = Callable[[Tensor, Tensor, Noise], Tensor]
"""(images [M, C, H, W], the row that each belongs to [M], a draw for each pair of them [M]) → a value for each [M]."""

_CHUNK = 16


def antithetic_gradient(
    ask: Ask, x: Tensor, noise: Noise, *, pairs: int, sigma: float, signs: bool = False
) -> tuple[Tensor, Tensor]:
    """(1/n) Σᵢ [J(x + σuᵢ) − J(x − σuᵢ)] / (2σ) · uᵢ: [B, C, H, W], and the mean of all values: [B].

    With standard normal uᵢ it is in expectation the gradient of J smoothed with N(0, σ²) (Nesterov and Spokoiny 2017,
    two-sided; NES, Ilyas et al. 2018); with random signs it is SPSA (Spall 1992). Images that are asked about stay in
    [0, 1]. Always as many pairs of every image share a batch, so that batches do not mix.

    Args:
        ask: The function J; both images of a pair are given the same draw, so that their difference is their own.
        x: Images [B, C, H, W].
        noise: Keyed random numbers, one row per image.
        pairs: n.
        sigma: σ on pixels in [0, 1].
        signs: Whether directions are random signs.
    """
    total, level = torch.zeros_like(x), x.new_zeros(x.shape[0])
    for first in range(0, pairs, _CHUNK):
        count = min(_CHUNK, pairs - first)
        pair = noise.stream(f"pairs from {first}").repeat(count)
        draw = pair.stream("directions")
        directions = (draw.signs if signs else draw.normal)(x.shape[1:], dtype=x.dtype)
        rows = torch.arange(x.shape[0], device=x.device).repeat_interleave(count)
        images = torch.cat([x[rows] + sigma * directions, x[rows] - sigma * directions]).clamp(0, 1)
        twice = torch.arange(len(pair), device=x.device).repeat(2)
        values = ask(images, rows.repeat(2), pair[twice]).to(x.dtype)
        ahead, behind = finite_or_zero(values).chunk(2)
        slope = ((ahead - behind) / (2 * sigma)).view(-1, 1, 1, 1)
        total += (slope * directions).unflatten(0, (x.shape[0], count)).sum(1)
        level += values.view(2, x.shape[0], count).sum((0, 2))
    return total / pairs, level / (2 * pairs)
