"""The residual discriminator of SNGAN as an energy: without spectral norm, which bounds how steep an energy can be."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from defenses.energy.activation import make_activation

_LAST_GRID = 8
"""Blocks halve the image until its smaller side is at most this; two more keep it (Miyato et al. 2018, table 4)."""


class ResidualBlock(nn.Module):
    """Activation and 3×3 convolution twice, beside a 1×1 convolution or the identity: [B, before, …] → [B, after, …].

    Args:
        before, after: Channels.
        activation: See `make_activation`.
        halve: Whether the mean over 2×2 places follows.
        first: Whether the block is given pixels, which no activation precedes.
    """

    def __init__(self, before: int, after: int, activation: str, *, halve: bool, first: bool = False) -> None:
        super().__init__()
        self.halve = halve
        self.main = nn.Sequential(
            *([] if first else [make_activation(activation)]),
            nn.Conv2d(before, after, 3, padding=1),
            make_activation(activation),
            nn.Conv2d(after, after, 3, padding=1),
        )
        self.beside = nn.Identity() if before == after and not halve else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The block's features."""
        # A 1×1 convolution and a mean commute, and after the mean it costs a quarter.
        if not self.halve:
            return self.main(x) + self.beside(x)
        return avg_pool2d(self.main(x), 2) + self.beside(avg_pool2d(x, 2))


def residual_layers(channels: int, features: int, size: tuple[int, int], activation: str) -> list[nn.Module]:
    """Layers from images [B, channels, *size] to energies [B, 1]."""
    blocks: list[nn.Module] = []
    before, side = channels, min(size)
    while side > _LAST_GRID:
        blocks.append(ResidualBlock(before, features, activation, halve=True, first=not blocks))
        before, side = features, side // 2
    for _ in range(2):
        blocks.append(ResidualBlock(before, features, activation, halve=False, first=not blocks))
        before = features
    return [*blocks, make_activation(activation), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 1)]
