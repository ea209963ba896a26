"""Decoding: right pixels for every kind of file, in order, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.reading.decode import decode


def test_grayscale_png_at_its_own_size_is_exact_and_in_order(tmp_path, draw_image):
    paths = [draw_image(tmp_path / f"{n}.png", n, size=(24, 24)) for n in range(40)]
    pixels = decode(paths, size=24, channels=1)
    expected = np.stack([np.random.default_rng(n).integers(0, 256, (24, 24), dtype=np.uint8) for n in range(40)])
    assert np.array_equal(pixels[:, 0].numpy(), expected)


def test_channels_are_made_as_asked(tmp_path, draw_image):
    paths = [
        draw_image(tmp_path / "gray.png", 0, size=(16, 16)),
        draw_image(tmp_path / "c.png", 1, size=(16, 16), mode="RGB"),
    ]
    color = decode(paths, size=16, channels=3)
    assert torch.equal(color[0, 0], color[0, 2])
    expected = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(color[1].permute(1, 2, 0).numpy(), expected)
    luma = expected @ np.array([0.299, 0.587, 0.114])
    assert np.abs(decode(paths, size=16, channels=1)[1, 0].numpy() - luma).max() <= 1


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK"])
def test_other_8_bit_modes_are_read(tmp_path, mode):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).convert(mode).save(path)
    assert decode([path], size=16, channels=1).float().mean() > 250


def test_shrinking_is_antialiased(tmp_path):
    # One-pixel stripes: taking every n-th pixel would give all black or all white.
    path = tmp_path / "stripes.png"
    Image.fromarray(np.tile(np.array([0, 255], np.uint8), (128, 64))).save(path)
    small = decode([path], size=16, channels=1).float()
    assert (small - 127.5).abs().max() < 16


def test_large_jpeg_reduced_in_the_decoder_agrees_with_full_decoding(tmp_path):
    across, down = np.meshgrid(np.linspace(0, 6, 900), np.linspace(0, 5, 700))
    path = tmp_path / "large.jpeg"
    Image.fromarray((127 + 60 * np.sin(across) + 60 * np.cos(down * 2)).astype(np.uint8)).save(path, quality=95)
    full = np.asarray(Image.open(path).resize((64, 64), Image.Resampling.LANCZOS), dtype=float)
    reduced = decode([path], size=64, channels=1)
    assert np.abs(reduced[0, 0].numpy() - full).mean() < 1
    assert torch.equal(reduced, decode([path], size=64, channels=1))


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_unreadable_file_is_named(tmp_path, draw_image, content):
    good = [draw_image(tmp_path / f"{n}.png", n) for n in range(30)]
    bad = draw_image(tmp_path / "bad.jpeg", 1, size=(200, 200))
    bad.write_bytes(bad.read_bytes()[:3000] if content is None else content)
    with pytest.raises(UserError, match="not a readable image") as caught:
        decode([*good, bad, *good], size=16, channels=1)
    assert caught.value.where == str(bad)


def test_16_bits_are_refused_where_a_data_set_says_of_no_window_in_which_they_are_shown(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((16, 16), 40000, np.uint16)).save(path)
    with pytest.raises(UserError, match="more than 8 bits"):
        decode([path], size=16, channels=1)
