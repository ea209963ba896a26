"""Decoding image files into one tensor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
_THREADS = 8


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
        UserError: A file cannot be read, is truncated, or has more than 8 bits a channel.
    """
    pixels = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    target = pixels.numpy()

    def read(row: int) -> None:
        image = _read(paths[row], size, "L" if channels == 1 else "RGB", crop)
        target[row] = image[None] if channels == 1 else image.transpose(2, 0, 1)

    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    try:
        for _ in pool.map(read, range(len(paths))):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    return pixels


def _read(path: Path, size: int, mode: str, crop: Callable[[Image], Box | None] | None) -> NDArray[Any]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise UserError(
                    f"has more than 8 bits a channel (mode {image.mode}), and which range matters is not known",
                    where=str(path),
                    remedy="convert it to 8 bits a channel",
                )
            if crop is None:
                image.draft(mode, (2 * size, 2 * size))
                kept = image.convert(mode)
            else:
                # Not resize(box=...), whose filter would still reach across the edge of the box.
                kept = image.convert(mode).crop(crop(image))
            return np.asarray(kept.resize((size, size), Image.Resampling.LANCZOS))
    except UserError:
        raise
    except Exception as error:  # decoders of damaged files raise almost anything
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"is not a readable image ({type(error).__name__}: {reason})",
            where=str(path),
            remedy="replace the file, or remove it",
        ) from error
