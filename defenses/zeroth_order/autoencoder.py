"""A convolutional autoencoder whose latent is small enough for zeroth-order gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

_GRID = 8
"""Largest height and width of the latent grid."""


@dataclass(frozen=True)
class LatentGrid:
    """How an image maps to its latent.

    Attributes:
        shape: Channels, height and width of the image.
        halvings: How often height and width are halved.
        channels: Channels of the latent.
    """

    shape: tuple[int, int, int]
    halvings: int
    channels: int

    @classmethod
    def of(cls, shape: tuple[int, int, int], latent: int) -> LatentGrid:
        """The grid of at most 8 × 8 whose size comes closest to `latent`: 4 × 7 × 7 for 192 at 28 × 28."""
        height, width = shape[1:]
        halvings = max(1, math.ceil(math.log2(max(height, width) / _GRID)))
        cells = math.ceil(height / 2**halvings) * math.ceil(width / 2**halvings)
        return cls(shape, halvings, max(1, round(latent / cells)))

    @property
    def cells(self) -> tuple[int, int]:
        """Height and width of the latent."""
        return math.ceil(self.shape[1] / 2**self.halvings), math.ceil(self.shape[2] / 2**self.halvings)

    @property
    def size(self) -> int:
        """d, the number of latent coordinates."""
        height, width = self.cells
        return self.channels * height * width

    @property
    def padding(self) -> tuple[int, int]:
        """Rows and columns of zeros that make height and width divisible by 2^halvings."""
        (height, width), factor = self.cells, 2**self.halvings
        return height * factor - self.shape[1], width * factor - self.shape[2]


class Encoder(nn.Module):
    """Images [B, C, H, W] → latent vectors [B, d].

    The latent is linear: the ReLU that the reference puts there lets units die, and makes probes z − μu leave the
    set on which the decoder was trained.
    """

    def __init__(self, grid: LatentGrid, *, width: int) -> None:
        super().__init__()
        self.grid = grid
        widths = [grid.shape[0], *_widths(grid, width)]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], grid.channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, d]."""
        below, right = self.grid.padding
        latent: Tensor = self.layers(nn.functional.pad(x, (0, right, 0, below)))
        return latent.flatten(1)


class Decoder(nn.Module):
    """Latent vectors [B, d] → images [B, C, H, W] in [0, 1]."""

    def __init__(self, grid: LatentGrid, *, width: int) -> None:
        super().__init__()
        self.grid = grid
        widths = [*_widths(grid, width)[::-1], grid.shape[0]]
        layers: list[nn.Module] = [nn.Conv2d(grid.channels, widths[0], 3, padding=1)]
        for before, after in pairwise(widths):
            layers += [nn.ReLU(), nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """[B, d] → [B, C, H, W]."""
        _, height, width = self.grid.shape
        images: Tensor = self.layers(z.unflatten(1, (self.grid.channels, *self.grid.cells)))
        # A sigmoid, written so that an image's last bit does not depend on its neighbours: torch's own CPU kernel
        # rounds the end of a tensor otherwise than the rest.
        return images[:, :, :height, :width].tanh() * 0.5 + 0.5


def _widths(grid: LatentGrid, width: int) -> list[int]:
    return [max(1, width // 2), *[width] * (grid.halvings - 1)]
