"""Mean and spread of pixels, from which a classifier's normalisation is made."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages

_ROWS_AT_ONCE = 1024


def pixel_statistics(images: LabeledImages) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of the pixels in [0, 1]: two float32 [C].

    Exact: counts of the 256 values are summed, so the result does not depend on the order of the images. A constant
    channel has standard deviation 1, so that dividing by it is harmless.
    """
    channels = images.shape[0]
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    for start in range(0, len(images), _ROWS_AT_ONCE):
        pixels = images.pixels[start : start + _ROWS_AT_ONCE]
        for channel in range(channels):
            counts[channel] += torch.bincount(pixels[:, channel].flatten().to(torch.int64), minlength=256)
    values = torch.arange(256, dtype=torch.float64) / 255
    share = counts.double() / counts.sum(1, keepdim=True)
    mean = share @ values
    variance = (share * (values - mean[:, None]) ** 2).sum(1)
    std = torch.where(variance > 0, variance.sqrt(), torch.ones_like(variance))
    return mean.float(), std.float()
