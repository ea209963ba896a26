"""Random noise as large as an attack's perturbation: what a detector must not mistake for an attack."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.noise import Noise

_ROWS = 64
_MOST_ROUNDS = 100


def gaussian_noise(images: Tensor, l2: Tensor, noise: Noise) -> Tensor:
    """Images with Gaussian noise whose L2 size, after clipping to [0, 1], is that of the attack on the same image.

    Each image gets its own standard deviation, so the mean size equals the attack's and no image's noise depends on
    the others. A size beyond what clipping lets the noise reach gives the largest that it does reach.

    Args:
        images: float32 [N, C, H, W] in [0, 1].
        l2: [N] L2 size of the attack's perturbation of each image.
        noise: Keyed by the images' sample ids.

    Returns:
        float32 [N, C, H, W] in [0, 1].
    """
    stream = noise.stream("detector-noise")
    noisy = torch.empty_like(images)
    for start in range(0, len(images), _ROWS):
        rows = slice(start, start + _ROWS)
        directions = stream[rows].normal(images.shape[1:])
        deviation = _deviation_for(images[rows], directions, l2[rows].to(images.device))
        noisy[rows] = (images[rows] + deviation.to(images.dtype).view(-1, 1, 1, 1) * directions).clamp(0, 1)
    return noisy


def _deviation_for(images: Tensor, directions: Tensor, l2: Tensor) -> Tensor:
    """σ [B] with ‖clip(x + σ z) − x‖₂ = l2, in float64; the largest useful σ where no σ reaches l2.

    The squared size Σ min(σ|z|, room)² is concave and piecewise linear in σ², so Newton's method from σ = 0 climbs to
    the solution in finitely many steps without overshooting.
    """
    room = torch.where(directions > 0, 1 - images, images).flatten(1).double()
    slope = directions.flatten(1).double().abs()
    # A pixel stops moving at this σ² (never, where its direction is 0).
    stop = (room / slope).square()
    squared, goal = torch.zeros_like(l2, dtype=torch.float64), l2.double().square()
    for _ in range(_MOST_ROUNDS):
        stopped = stop <= squared[:, None]
        reached = (room.square() * stopped).sum(1)
        rate = (slope.square() * ~stopped).sum(1)
        # Where every pixel has stopped no larger σ changes anything.
        following = torch.where(rate > 0, (goal - reached) / rate, squared).clamp(min=squared)
        if torch.equal(following, squared):
            break
        squared = following
    return squared.sqrt()
