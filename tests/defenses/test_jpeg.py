"""JPEG: what the codec must and must not do to an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from defenses.compression.differentiable_jpeg import differentiable_jpeg
from defenses.jpeg import JPEG, compress

# ITU-T T.81, table K.1: luminance quantisation at quality 50.
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def smooth_images(count: int, channels: int = 1, size: int = 28) -> Tensor:
    coarse = torch.rand(count, channels, 5, 5, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)


def purify(x: Tensor, quality: int = 75) -> Tensor:
    model = JPEG(quality=quality).defend(nn.Flatten())
    return model.purify(x, Noise.of(0, range(len(x))))


@pytest.mark.parametrize("quality", [30, 75, 90])
def test_grayscale_agrees_with_the_cosine_transform_of_the_standard(quality: int) -> None:
    from scipy.fft import dctn, idctn

    x = torch.rand(6, 1, 24, 32, generator=torch.Generator().manual_seed(1))
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = np.clip(np.floor((LUMINANCE * scale + 50) / 100), 1, 255)
    pixels = (x.numpy() * 255).round()[:, 0] - 128
    blocks = pixels.reshape(6, 3, 8, 4, 8).swapaxes(2, 3)
    coefficients = np.round(dctn(blocks, axes=(-2, -1), norm="ortho") / table) * table
    expected = np.clip(idctn(coefficients, axes=(-2, -1), norm="ortho") + 128, 0, 255)
    decoded = (compress(x, quality).numpy() * 255).reshape(6, 3, 8, 4, 8).swapaxes(2, 3)
    worst = np.abs(decoded - expected).max((-2, -1))
    # Where a coefficient lies close to a tie, libjpeg's integer arithmetic may round it to its other neighbour,
    # which moves all 64 pixels of the block; every other block must agree up to the last rounding.
    assert np.mean(worst < 1) > 2 / 3
    assert np.abs(decoded - expected).mean() < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_high_quality_is_close_to_the_identity_and_low_quality_is_not(channels: int) -> None:
    x = smooth_images(8, channels)
    error = [(purify(x, quality) - x).abs().mean().item() for quality in (95, 75, 5)]
    assert error[0] < (2 if channels == 1 else 6) / 255  # halving the resolution of colour costs the rest
    assert error[0] < error[1] < error[2]
    assert error[2] > 5 / 255


@settings(max_examples=20)
@given(level=st.floats(0, 1), channels=st.sampled_from([1, 3]), height=st.integers(8, 40), width=st.integers(8, 40))
def test_constant_images_stay_within_one_grey_level(level: float, channels: int, height: int, width: int) -> None:
    x = torch.full((2, channels, height, width), level)
    # One level from the codec and half a level from rounding to bytes.
    assert (compress(x, 75) - x).abs().max() <= 1.5 / 255 + 1e-6


@pytest.mark.parametrize("channels", [1, 3])
def test_output_is_bytes_over_255(channels: int) -> None:
    y = purify(smooth_images(9, channels))
    assert torch.equal(y, (y * 255).round().div(255))
    assert y.dtype == torch.float32
    assert 0 <= y.min() <= y.max() <= 1


def test_a_second_compression_changes_little() -> None:
    once = purify(torch.rand(16, 1, 24, 24, generator=torch.Generator().manual_seed(2)) * 0.6 + 0.2)
    twice = purify(once)
    # On the quantiser's grid already: only the rounding of pixels between the two is left.
    assert (twice - once).abs().mean() < 0.2 / 255


def test_each_image_is_compressed_by_itself_and_always_alike() -> None:
    x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    model = JPEG().defend(nn.Flatten())
    whole = model.purify(x, Noise.of(0, range(20)))
    rows = torch.tensor([3, 17, 4])
    assert torch.equal(model.purify(x[rows], Noise.of(9, [5, 6, 7])), whole[rows])
    assert torch.equal(model.purify(x, Noise.of(1, range(20))), whole)


def test_values_outside_the_range_are_clipped_not_wrapped() -> None:
    x = torch.cat([torch.full((1, 1, 16, 16), -0.3), torch.full((1, 1, 16, 16), 1.2)])
    y = compress(x, 75)
    assert y[0].max() <= 1 / 255
    assert y[1].min() >= 254 / 255


def test_the_true_gradient_is_missing_and_both_surrogates_have_one() -> None:
    assert not JPEG.differentiable
    assert JPEG.purifier
    assert not JPEG.randomized
    x = smooth_images(8).requires_grad_()
    model = JPEG().defend(nn.Flatten())
    assert isinstance(model, DefendedModel)
    assert not model.purify(x, Noise.of(0, range(8))).requires_grad
    assert model.surrogates == JPEG.surrogates == ("identity", "differentiable JPEG")
    assert model.surrogate(x, "identity") is x
    assert torch.equal(model.surrogate(x), differentiable_jpeg(x, 75))


@pytest.mark.parametrize("quality", [0, 96, 75.5, "75"])
def test_a_wrong_quality_is_refused(quality: int) -> None:
    with pytest.raises(UserError, match="1 to 95"):
        JPEG(quality=quality).defend(nn.Flatten())


def test_other_channel_counts_are_refused() -> None:
    with pytest.raises(UserError, match="2 channels"):
        purify(torch.rand(8, 2, 16, 16))
