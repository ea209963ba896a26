"""Decoding image files into one tensor."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.plain_file import open_plain
from benchmark.datasets.reading.unusable import unusable

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What is decoded, whatever a file calls itself. Pillow knows formats that are programs (EPS), and many more."""

MOST_PIXELS = 89_478_485
"""Pillow's own limit: what a larger image unpacks to is more than its file tells, and more than any data set needs."""

_MOST_BYTES = 2**29
_LARGE_PIXELS = 2**23
_THREADS = 8
_TILE = (322, 323)
_alone = Lock()


def decode(
    paths: Sequence[Path], *, size: int, channels: int, crop: Callable[[Image], Box | None] | None = None
) -> Tensor:
    """The images as uint8 [N, channels, size, size], in the order of `paths`.

    Colour becomes grayscale (ITU-R 601 luma) for one channel; grayscale is repeated for three. Images are resized to
    a square by Lanczos resampling (antialiased); the aspect ratio is not kept. A JPEG at least four times as large as
    wanted is first reduced inside the decoder (libjpeg's scaled inverse transform, to no less than twice `size`):
    much faster, and the same on every run, though another build of libjpeg may differ in the last bit.

    Args:
        paths: Image files that Pillow reads, with 8 bits a channel.
        size: Height and width.
        channels: 1 or 3.
        crop: Finds the box (left, upper, right, lower) of the image that is kept; by default all of it.

    Raises:
        UserError: Files are no plain files, cannot be read, are truncated, have more than 8 bits a channel, or would
            unpack to more than `MOST_PIXELS`: all of them are named, not only the first.
    """
    pixels = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    target = pixels.numpy()

    def read(row: int) -> UserError | None:
        try:
            image = _read(paths[row], size, "L" if channels == 1 else "RGB", crop)
        except UserError as error:
            return error
        target[row] = image[None] if channels == 1 else image.transpose(2, 0, 1)
        return None

    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    try:
        with warnings.catch_warnings():
            _know_our_limit()
            problems = [error for error in pool.map(read, range(len(paths))) if error is not None]
    finally:
        pool.shutdown(cancel_futures=True)
    if problems:
        raise unusable(problems, of=len(paths))
    return pixels


def _know_our_limit() -> None:
    from PIL import Image

    # Between its limit and twice that Pillow warns; we refuse.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _read(path: Path, size: int, mode: str, crop: Callable[[Image], Box | None] | None) -> NDArray[Any]:
    from PIL import Image

    with open_plain(path, most=_MOST_BYTES) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                _check_header(image, path)
                # Large ones one at a time, so that a folder of them needs the memory of one.
                with _alone if image.width * image.height > _LARGE_PIXELS else nullcontext():
                    return _resized(image, size, mode, crop)
        except UserError:
            raise
        except Exception as error:  # decoders of damaged files raise almost anything
            raise UserError(
                f"is not a readable image ({_reason(error)})",
                where=str(path),
                remedy="replace the file, or remove it",
            ) from error


def _check_header(image: Image, path: Path) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise UserError(
            f"is {image.width} × {image.height} pixels, and no more than {MOST_PIXELS:,} are unpacked",
            where=str(path),
            remedy="make it smaller, or remove it",
        )
    # What a TIFF unpacks is its tiles, which may be larger than the image.
    width, height = (dict(getattr(image, "tag_v2", {})).get(tag, 0) for tag in _TILE)
    if not (isinstance(width, int) and isinstance(height, int) and width * height <= MOST_PIXELS):
        raise UserError(f"has tiles of {width} × {height} pixels", where=str(path), remedy="remove it")
    if image.mode.startswith(("I", "F")):
        raise UserError(
            f"has more than 8 bits a channel (mode {image.mode}), and which range matters is not known",
            where=str(path),
            remedy="convert it to 8 bits a channel",
        )


def _resized(image: Image, size: int, mode: str, crop: Callable[[Image], Box | None] | None) -> NDArray[Any]:
    from PIL import Image

    if crop is None:
        image.draft(mode, (2 * size, 2 * size))
        kept = image.convert(mode)
    else:
        # Not resize(box=...), whose filter would still reach across the edge of the box.
        kept = image.convert(mode).crop(crop(image))
    return np.asarray(kept.resize((size, size), Image.Resampling.LANCZOS))


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "none of " + ", ".join(FORMATS)
    reason = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {reason}"
