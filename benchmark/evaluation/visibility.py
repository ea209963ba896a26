"""How visible a change of an image is: peak signal-to-noise ratio and structural similarity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_WINDOW = 7
"""Side of the window of structural similarity in pixels, as of Wang et al. 2004 in scikit-image."""

_LEAST = 3
"""Side of the smallest window that has a variance."""


def psnr(clean: NDArray[np.float32], changed: NDArray[np.float32]) -> list[float]:
    """Peak signal-to-noise ratio of each image in dB, 10 · log10(1 / mean squared difference); infinite where equal.

    Args:
        clean, changed: [N, C, H, W] in [0, 1].
    """
    from skimage.metrics import peak_signal_noise_ratio

    # In single precision the square of a tiny change is 0, and what was changed would count as equal.
    pairs = zip(clean.astype(np.float64), changed.astype(np.float64), strict=True)
    return [
        math.inf if np.array_equal(before, after) else float(peak_signal_noise_ratio(before, after, data_range=1))
        for before, after in pairs
    ]


def ssim(clean: NDArray[np.float32], changed: NDArray[np.float32]) -> list[float]:
    """Structural similarity of each image (Wang et al. 2004, eq. 13), mean over channels, in [-1, 1]; 1 where equal.

    The window is 7 × 7 pixels, or the largest odd one that the image holds. NaN where none of 3 × 3 fits.

    Args:
        clean, changed: [N, C, H, W] in [0, 1].
    """
    from skimage.metrics import structural_similarity

    side = min(*clean.shape[2:], _WINDOW)
    window = side if side % 2 else side - 1
    if window < _LEAST:
        return [math.nan] * len(clean)
    return [
        1.0
        if np.array_equal(before, after)
        else float(structural_similarity(before, after, data_range=1, channel_axis=0, win_size=window))
        for before, after in zip(clean, changed, strict=True)
    ]
