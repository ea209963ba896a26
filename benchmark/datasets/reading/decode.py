"""Decoding image files into one tensor."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.datasets.reading import deep, dicom
from benchmark.datasets.reading.dicom_file import is_dicom, require_pydicom, unlogged
from benchmark.datasets.reading.dicom_header import read_header
from benchmark.datasets.reading.opened import check_size, opened
from benchmark.datasets.reading.unusable import unusable
from benchmark.datasets.reading.window import Bounds, Window

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
Crop = Callable[["Image"], Box | None]

_LARGE_PIXELS = 2**23
_THREADS = 8
_alone = Lock()


@dataclass(frozen=True)
class Decoded:
    """Images of files, and why there is none of the others.

    Attributes:
        pixels: uint8 [N, channels, size, size]; without meaning where there is a problem.
        windows: N, what was shown of images of more than 8 bits and of DICOM; None for others.
        problems: N, None for each file that could be read.
    """

    pixels: Tensor
    windows: tuple[Window | None, ...]
    problems: tuple[UserError | None, ...]


def decode(paths: Sequence[Path], *, size: int, channels: int, crop: Crop | None = None) -> Tensor:
    """The images as uint8 [N, channels, size, size], in the order of `paths`; see `decode_each`.

    Raises:
        UserError: Files cannot be read (see `decode_each`), or have more than 8 bits a channel: all of them are named,
            not only the first.
    """
    decoded = decode_each(paths, size=size, channels=channels, crop=crop)
    problems = [
        error or (_unexplained(path) if window else None)
        for path, window, error in zip(paths, decoded.windows, decoded.problems, strict=True)
    ]
    if any(problems):
        raise unusable([error for error in problems if error], of=len(paths))
    return decoded.pixels


def decode_each(
    paths: Sequence[Path], *, size: int, channels: int, crop: Crop | None = None, window: Bounds | None = None
) -> Decoded:
    """As much of the images as can be read, in the order of `paths`.

    Colour becomes grayscale (ITU-R 601 luma) for one channel; grayscale is repeated for three. Images are resized to
    a square by Lanczos resampling (antialiased); the aspect ratio is not kept. A JPEG at least four times as large as
    wanted is first reduced inside the decoder (libjpeg's scaled inverse transform, to no less than twice `size`):
    much faster, and the same on every run, though another build of libjpeg may differ in the last bit. Grayscale of
    more than 8 bits is first shown in a window (see `benchmark.datasets.reading.window`).

    Args:
        paths: Image files that Pillow reads, with 8 bits a channel or 16 of grayscale, or DICOM.
        size: Height and width.
        channels: 1 or 3.
        crop: Finds the box (left, upper, right, lower) of the image that is kept; by default all of it.
        window: What is shown as black and white, in stored units; by default what DICOM files say themselves, and of
            others all that their bits hold.

    A file is a problem where it is no plain file, cannot be read, is truncated, has more than 16 bits a channel, would
    unpack to more than `MOST_PIXELS`, or has 8 bits a channel and is to be shown in a window.

    Raises:
        UserError: There are DICOM files, and pydicom is not installed.
    """
    require_pydicom(paths)
    pixels = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    target = pixels.numpy()
    mode = "L" if channels == 1 else "RGB"

    def read(row: int) -> tuple[Window | None, UserError | None]:
        try:
            image, shown_in = _read(paths[row], size, mode, crop, window)
        except UserError as error:
            return None, error
        target[row] = image[None] if channels == 1 else image.transpose(2, 0, 1)
        return shown_in, None

    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    try:
        with warnings.catch_warnings(), unlogged() if any(map(is_dicom, paths)) else nullcontext():
            _know_our_limit()
            found = list(pool.map(read, range(len(paths))))
    finally:
        pool.shutdown(cancel_futures=True)
    return Decoded(pixels, tuple(shown_in for shown_in, _ in found), tuple(error for _, error in found))


def _know_our_limit() -> None:
    from PIL import Image

    # Between its limit and twice that Pillow warns; we refuse.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _unexplained(path: Path) -> UserError:
    return UserError(
        "has more than 8 bits a channel, or is DICOM, and this data set says of no window in which it is shown",
        where=str(path),
        remedy="convert it to 8 bits a channel, or read it by image-folder",
    )


def _read(
    path: Path, size: int, mode: str, crop: Crop | None, chosen: Bounds | None
) -> tuple[NDArray[Any], Window | None]:
    if is_dicom(path):
        header = read_header(path)
        check_size(header.width, header.height, path)
        with _alone_if(header.width * header.height):
            image, window = dicom.shown(path, header, chosen)
            return _resized(image, size, mode, crop), window
    with opened(path) as image:
        if not deep.is_deep(image) and chosen:
            raise UserError(
                "has 8 bits a channel, and window is for grayscale of more",
                where=str(path),
                remedy="leave window out, or keep such images in a folder of their own",
            )
        with _alone_if(image.width * image.height):
            if deep.is_deep(image):
                shown, window = deep.shown(image, chosen)
                return _resized(shown, size, mode, crop), window
            return _resized(image, size, mode, crop), None


def _alone_if(pixels: int) -> AbstractContextManager[Any]:
    """Large ones one at a time, so that a folder of them needs the memory of one."""
    return _alone if pixels > _LARGE_PIXELS else nullcontext()


def _resized(image: Image, size: int, mode: str, crop: Crop | None) -> NDArray[Any]:
    from PIL import Image

    if crop is None:
        image.draft(mode, (2 * size, 2 * size))
        kept = image.convert(mode)
    else:
        # Not resize(box=...), whose filter would still reach across the edge of the box.
        kept = image.convert(mode).crop(crop(image))
    return np.asarray(kept.resize((size, size), Image.Resampling.LANCZOS))
