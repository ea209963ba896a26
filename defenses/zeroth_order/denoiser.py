"""A small residual denoiser."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class Denoiser(nn.Module):
    """x + σδ → an estimate of x, by subtracting the noise that a few convolutions find (DnCNN, Zhang et al. 2017).

    The convolutions work on 2 × 2 blocks of pixels folded into channels (FFDNet, Zhang et al. 2018), which quarters
    the cost and doubles the receptive field. Without batch normalization, so that an image's answer depends on that
    image alone in training too.

    Args:
        channels: Channels of the image; height and width are free.
        width: Channels of the hidden layers.
        depth: Number of convolutions, at least 2.
    """

    def __init__(self, channels: int, *, width: int, depth: int) -> None:
        super().__init__()
        folded = 4 * channels
        widths = [folded, *[width] * (depth - 1), folded]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        self.noise = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; the result may leave [0, 1] by a little."""
        height, width = x.shape[2:]
        padded = nn.functional.pad(x, (0, width % 2, 0, height % 2))
        found = nn.functional.pixel_shuffle(self.noise(nn.functional.pixel_unshuffle(padded, 2)), 2)
        return x - found[:, :, :height, :width]
