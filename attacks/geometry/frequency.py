"""Images by spatial frequency: the orthonormal discrete cosine transform, whose first coefficients are slow waves."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor


def low_frequencies(x: Tensor, band: float) -> Tensor:
    """`x` [B, C, H, W] with nothing left above the lowest share `band` of the frequencies of each axis.

    An orthogonal projection: what it takes away is orthogonal to all that it leaves. At least the mean is left.
    """
    batch, channels, height, width = x.shape
    planes = x.reshape(batch * channels, height, width)
    # Plane by plane, since a product of many planes at once may round differently.
    tall, wide = (_projector(n, band).to(x).expand(len(planes), n, n) for n in (height, width))
    return torch.bmm(torch.bmm(tall, planes), wide).view_as(x)


def energy_above(x: Tensor, band: float) -> Tensor:
    """Squared L2 norm of what `low_frequencies` takes away from each image: [B, C, H, W] → [B]."""
    return (x - low_frequencies(x, band)).square().sum((1, 2, 3))


def cosine_basis(length: int) -> Tensor:
    """The orthonormal DCT-II: row k holds √(2/n) cos(π (i + ½) k / n), row 0 √(1/n); float64 [n, n]."""
    place = torch.arange(length, dtype=torch.float64)
    basis = math.sqrt(2 / length) * torch.cos(math.pi / length * (place + 0.5) * place[:, None])
    basis[0] = math.sqrt(1 / length)
    return basis


@cache
def _projector(length: int, band: float) -> Tensor:
    lowest = cosine_basis(length)[: max(1, round(band * length))]
    return lowest.T @ lowest
