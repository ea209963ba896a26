"""16-bit PNG and TIFF: what is shown of every stored value, by its closed form, and what the notes say of ε."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.reading.decode import Decoded, decode_each
from benchmark.datasets.reading.window import Window, window_notes

EVERY = np.arange(2**16, dtype=np.uint16).reshape(256, 256)


def read(path: Path, window: tuple[float, float] | None = None) -> Decoded:
    decoded = decode_each([path], size=256, channels=1, window=window)
    assert decoded.problems == (None,)
    return decoded


def expected(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(255 * np.clip((values.astype(float) - low) / (high - low), 0, 1))


@pytest.mark.parametrize("window", [None, (0, 4095), (1000.5, 3000), (-500, 70_000)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_value_of_16_bits_is_shown_as_the_window_says(
    tmp_path: Path, window: tuple[float, float] | None, suffix: str
) -> None:
    path = tmp_path / f"every.{suffix}"
    Image.fromarray(EVERY).save(path)
    decoded = read(path, window)
    low, high = window or (0, 65535)
    assert np.array_equal(decoded.pixels[0, 0].numpy(), expected(EVERY, low, high))
    assert decoded.windows == (Window(low, high, "setting" if window else "full range"),)


@pytest.mark.parametrize(
    ("stored", "how", "low", "high"),
    [
        (EVERY, {"byteorder": ">"}, 0, 65535),
        (EVERY, {"compression": "zlib"}, 0, 65535),
        (EVERY.view(np.int16), {}, -32768, 32767),
        (EVERY.view(np.int16), {"byteorder": ">"}, -32768, 32767),
        (EVERY, {"photometric": "miniswhite"}, 65535, 0),
    ],
)
def test_tiff_of_either_byte_order_sign_and_polarity(
    tmp_path: Path, stored: np.ndarray, how: dict[str, Any], low: int, high: int
) -> None:
    tifffile.imwrite(tmp_path / "every.tif", stored, **how)
    shown = read(tmp_path / "every.tif").pixels[0, 0].numpy()
    assert np.array_equal(shown, expected(stored, low, high))


def test_an_image_of_16_bits_is_resized_like_the_8_bits_that_it_shows(tmp_path: Path) -> None:
    eight = np.random.default_rng(0).integers(0, 256, (90, 70), dtype=np.uint8)
    Image.fromarray(eight).save(tmp_path / "eight.png")
    Image.fromarray(eight.astype(np.uint16) * 16 + 300).save(tmp_path / "sixteen.png")
    one = decode_each([tmp_path / "eight.png"], size=32, channels=3)
    other = decode_each([tmp_path / "sixteen.png"], size=32, channels=3, window=(300, 300 + 255 * 16))
    assert np.array_equal(one.pixels.numpy(), other.pixels.numpy())


@pytest.mark.parametrize(
    ("stored", "window", "said"),
    [
        (EVERY.astype(np.uint32), None, "more than 16 bits"),
        (EVERY.astype(np.float32), None, "more than 16 bits"),
        (EVERY.astype(np.float32), (0, 1), "more than 16 bits"),
        (EVERY.astype(np.uint8), (0, 4095), "has 8 bits a channel, and window is for grayscale of more"),
    ],
)
def test_what_no_window_is_for_is_refused(
    tmp_path: Path, stored: np.ndarray, window: tuple[float, float] | None, said: str
) -> None:
    tifffile.imwrite(tmp_path / "other.tif", stored)
    (problem,) = decode_each([tmp_path / "other.tif"], size=16, channels=1, window=window).problems
    assert isinstance(problem, UserError)
    assert said in problem.problem


def test_a_damaged_16_bit_file_is_one_problem(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 2**16, (64, 64), dtype=np.uint16)).save(content, "png")
    (tmp_path / "cut.png").write_bytes(content.getvalue()[:4000])
    (problem,) = decode_each([tmp_path / "cut.png"], size=16, channels=1).problems
    assert problem is not None
    assert "not a readable image" in problem.problem


def test_notes_say_what_one_step_of_the_display_is_in_units_of_the_file() -> None:
    windows = [Window(0, 65535, "full range")] * 2 + [Window(-1000, 275, "setting"), None]
    notes = window_notes([*windows, Window(0, 255, "header"), Window(0, 510, "header")])
    assert notes == [
        "2 images are shown in the window 0 to 65,535 (the full range of their bits; set window to choose another); "
        "ε is in units of the displayed window, of which 1/255 is 257 of the file",
        "1 image is shown in the window -1,000 to 275 (as set); "
        "ε is in units of the displayed window, of which 1/255 is 5 of the file",
        "2 images are shown each in the window of its header; "
        "ε is in units of the displayed window, of which 1/255 is 1 to 2 of the file",
    ]
    assert window_notes([None, None]) == []
