"""Grayscale PNG and TIFF of up to 16 bits, as Pillow opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.datasets.reading.window import Bounds, Window, table

if TYPE_CHECKING:
    from PIL.Image import Image

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO = 0
_SIGNED = 2
_AT_ONCE = 2**20


def bits_of(image: Image) -> int:
    """Stored bits a channel, from the header; 32 also stands for numbers that are not whole."""
    if image.mode == "1":
        return 1
    if not image.mode.startswith(("I", "F")):
        written = [tile.args for tile in getattr(image, "tile", ())]
        raw = [args if isinstance(args, str) else str(args[:1]) for args in written]
        return 16 if any(";16" in mode for mode in raw) else 8
    if image.format == "PNG":
        return 16
    written = _tag(image, _BITS, ())
    return int(written[0]) if image.mode != "F" and written and written[0] in range(9, 17) else 32


def is_deep(image: Image) -> bool:
    """Whether it is grayscale of 9 to 16 bits, so that what is shown depends on a window."""
    return image.mode.startswith("I") and bits_of(image) <= 16


def shown(image: Image, chosen: Bounds | None) -> tuple[Image, Window]:
    """The image in 8 bits, and the window that it is shown in: `chosen`, or else all that its bits hold."""
    from PIL import Image

    bits, signed = bits_of(image), _tag(image, _SAMPLE_FORMAT, (1,)) == (_SIGNED,)
    every = np.arange(2**16)
    values = np.where(every < 2**15, every, every - 2**16) if signed else every
    low = -(2 ** (bits - 1)) if signed else 0
    window = Window(*chosen, "setting") if chosen else Window(low, low + 2**bits - 1, "full range")
    # Pillow turns such an image the right way round for 8 bits alone.
    inverted = _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    seen = table(values.astype(np.float64), window, inverted=inverted)
    result = np.empty((image.height, image.width), np.uint8)
    # In strips, since an array of the whole image takes three times what the image does while it is made.
    height = max(1, _AT_ONCE // image.width)
    for top in range(0, image.height, height):
        strip = np.asarray(image.crop((0, top, image.width, min(top + height, image.height))))
        result[top : top + height] = seen[strip.astype(np.uint16, copy=False)]
    return Image.fromarray(result), window


def _tag(image: Image, number: int, otherwise: Any) -> Any:
    return dict(getattr(image, "tag_v2", {})).get(number, otherwise)
