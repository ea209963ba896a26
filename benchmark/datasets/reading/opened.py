"""Opening an image file by Pillow, as far as its header, which says whether it may be unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.core.errors import UserError
from benchmark.core.plain_file import open_plain
from benchmark.datasets.reading.deep import bits_of

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What is decoded, whatever a file calls itself. Pillow knows formats that are programs (EPS), and many more."""

MOST_PIXELS = 89_478_485
"""Pillow's own limit: what a larger image unpacks to is more than its file tells, and more than any data set needs."""

_MOST_BYTES = 2**29
_TILE = (322, 323)


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """The image, whose pixels are unpacked when they are first asked for.

    Raises:
        UserError: It is no plain file, cannot be read, is larger than `MOST_PIXELS`, or has more than 16 bits a
            channel. Whatever else is raised while it is open becomes one, too.
    """
    from PIL import Image

    with open_plain(path, most=_MOST_BYTES) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                _check_header(image, path)
                yield image
        except UserError:
            raise
        except Exception as error:  # decoders of damaged files raise almost anything
            raise UserError(
                f"is not a readable image ({_reason(error)})",
                where=str(path),
                remedy="replace the file, or remove it",
            ) from error


def check_size(width: int, height: int, path: Path) -> None:
    """Raise UserError for an image that is not unpacked."""
    if width * height > MOST_PIXELS:
        raise UserError(
            f"is {width} × {height} pixels, and no more than {MOST_PIXELS:,} are unpacked",
            where=str(path),
            remedy="make it smaller, or remove it",
        )


def _check_header(image: Image, path: Path) -> None:
    check_size(image.width, image.height, path)
    # What a TIFF unpacks is its tiles, which may be larger than the image.
    width, height = (dict(getattr(image, "tag_v2", {})).get(tag, 0) for tag in _TILE)
    if not (isinstance(width, int) and isinstance(height, int) and width * height <= MOST_PIXELS):
        raise UserError(f"has tiles of {width} × {height} pixels", where=str(path), remedy="remove it")
    if bits_of(image) > 16:
        raise UserError(
            f"has more than 16 bits a channel (mode {image.mode}), and which range matters is not known",
            where=str(path),
            remedy="convert it to 8 or 16 bits a channel",
        )


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "none of " + ", ".join(FORMATS)
    reason = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {reason}"
