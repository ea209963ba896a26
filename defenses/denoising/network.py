"""A small network that finds the noise in an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoiseNetwork(nn.Module):
    """a x + s z, z standard normal → an estimate of s z, the noise that was added.

    By Tweedie's formula that estimate is −s² times the score ∇ log p at this level of noise (Vincent 2011). A U-Net of
    two grids: 2 × 2 blocks of pixels are folded into channels, since convolutions on full-size maps would cost most,
    and half of the depth lies another factor of two below, where a filter sees the whole of a small image. Without
    normalization, so that an image's answer depends on that image alone.

    Args:
        channels: Channels of the image; height and width are free.
        width: Channels of the upper grid; the lower one has twice as many.
        conditional: Whether it is told s, as one more plane (FFDNet, Zhang et al. 2018); else it must tell from
            the image.
    """

    def __init__(self, channels: int, *, width: int, conditional: bool) -> None:
        super().__init__()
        self.conditional = conditional
        folded = 4 * channels
        self.into = nn.Conv2d(folded + conditional, width, 3, padding=1)
        self.above = _Block(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.below = nn.Sequential(_Block(2 * width), _Block(2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.out = nn.Sequential(_Block(width), nn.SiLU(), nn.Conv2d(width, folded, 3, padding=1))
        last = self.out[-1]
        assert isinstance(last, nn.Conv2d)
        # What starts at zero everywhere has only noise to find.
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, level: float | Tensor | None = None) -> Tensor:
        """[B, C, H, W] → [B, C, H, W].

        Args:
            x: Noisy images.
            level: s, one for all or [B, 1, 1, 1]; only where the network is conditional.
        """
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, -width % 4, 0, -height % 4))
        blocks = nn.functional.pixel_unshuffle(padded, 2)
        if self.conditional:
            assert level is not None
            plane = torch.as_tensor(level, dtype=x.dtype, device=x.device).expand(len(x), 1, *blocks.shape[2:])
            blocks = torch.cat([blocks, plane], 1)
        upper = self.above(self.into(blocks))
        found = self.out(upper + self.up(self.below(self.down(upper))))
        noise = nn.functional.pixel_shuffle(found, 2)[:, :, :height, :width]
        return noise if level is None else level * noise


class _Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.layers(x)
        return x + moved
