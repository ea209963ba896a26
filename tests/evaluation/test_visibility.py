"""Visibility of a change: closed forms, and images too small for a window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from benchmark.evaluation.visibility import psnr, ssim


def pair(side: int, channels: int = 1, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    clean = rng.uniform(0.2, 0.8, (3, channels, side, side)).astype(np.float32)
    return clean, (clean + rng.uniform(-0.1, 0.1, clean.shape)).astype(np.float32)


def test_a_change_by_epsilon_everywhere_has_the_ratio_of_epsilon() -> None:
    clean = np.full((1, 1, 8, 8), 0.5, np.float32)
    assert psnr(clean, clean + np.float32(8 / 255)) == pytest.approx([-20 * math.log10(8 / 255)], abs=1e-4)


def test_an_unchanged_image_is_infinitely_far_from_noise_and_the_same() -> None:
    clean, changed = pair(9)
    changed[1] = clean[1]
    assert [math.isinf(value) for value in psnr(clean, changed)] == [False, True, False]
    assert ssim(clean, changed)[1] == 1.0
    assert all(value < 1 for value in ssim(clean, changed)[::2])


@pytest.mark.parametrize(("side", "window"), [(9, 7), (7, 7), (6, 5), (4, 3), (3, 3)])
def test_similarity_is_that_of_the_largest_odd_window(side: int, window: int) -> None:
    clean, changed = pair(side, channels=2)
    found = []
    for x, y in zip(clean.astype(float), changed.astype(float), strict=True):
        each = []
        for a, b in zip(x, y, strict=True):
            mean = [uniform_filter(image, window) for image in (a, b)]
            many = window**2 / (window**2 - 1)
            aa, bb, ab = (
                many * (uniform_filter(one * other, window) - m * n)
                for one, other, m, n in ((a, a, mean[0], mean[0]), (b, b, mean[1], mean[1]), (a, b, *mean))
            )
            top = (2 * mean[0] * mean[1] + 1e-4) * (2 * ab + 9e-4)
            inside = slice(window // 2, side - window // 2)
            each.append((top / ((mean[0] ** 2 + mean[1] ** 2 + 1e-4) * (aa + bb + 9e-4)))[inside, inside].mean())
        found.append(np.mean(each))
    assert ssim(clean, changed) == pytest.approx(found, abs=1e-5)


def test_an_image_without_a_window_has_no_similarity() -> None:
    assert np.isnan(ssim(*pair(2))).all()
    assert np.isfinite(psnr(*pair(2))).all()


def test_the_least_change_of_one_pixel_is_a_change() -> None:
    clean = np.zeros((1, 1, 4, 4), dtype=np.float32)
    changed = clean.copy()
    changed[0, 0, 0, 0] = 1e-40
    (ratio,) = psnr(clean, changed)
    assert ratio == pytest.approx(800 + 10 * math.log10(16), abs=0.1)
