"""Single grayscale frames of DICOM files as they are displayed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import UserError
from benchmark.datasets.reading.dicom_file import HEADER_BYTES, REPLACE, elements, in_our_words, value_of
from benchmark.datasets.reading.dicom_header import TAGS, Header
from benchmark.datasets.reading.window import Bounds, Window, table, through

if TYPE_CHECKING:
    from PIL.Image import Image

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
_BY_PILLOW = {
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.90": "JPEG2000",
    "1.2.840.10008.1.2.4.91": "JPEG2000",
}


def shown(path: Path, header: Header, chosen: Bounds | None) -> tuple[Image, Window]:
    """The image in 8 bits, and its window: `chosen`, else the first of its header, else all that its bits hold.

    Stored value → slope·value + intercept → window, linear as in PS3.3 C.11.2.1.2.1 → inverted for MONOCHROME1.

    Raises:
        UserError: The pixels are missing, cut short, compressed in a way that is not read, or the header shows them
            by something else than a linear window.
    """
    from PIL import Image

    if not chosen and header.unshown:
        raise UserError(header.unshown, where=str(path), remedy="set window to choose one")
    every = np.arange(2**16)
    low, reach = header.high + 1 - header.bits, 2**header.bits
    stored = (every >> low) & (reach - 1)
    if header.signed:
        stored = np.where(stored < reach // 2, stored, stored - reach)
    values = header.slope * stored + header.intercept
    if chosen:
        window = Window(*chosen, "setting")
    elif header.window:
        window = Window(*header.window, "header")
    else:
        window = Window(float(values.min()), float(values.max()), "full range")
    patterns = _patterns(path, header)
    return Image.fromarray(through(table(values, window, inverted=header.inverted), patterns)), window


def _patterns(path: Path, header: Header) -> NDArray[Any]:
    """The stored bits of every pixel, as unsigned [height, width]."""
    shape, kind = (header.height, header.width), "<u2" if header.allocated == 16 else "u1"
    length = header.height * header.width * header.allocated // 8
    if header.syntax not in _NATIVE and header.syntax not in _BY_PILLOW:
        raise UserError(
            f"is compressed in a way that is not read ({_name(header.syntax)})",
            where=str(path),
            remedy="decompress it, as with gdcmconv --raw",
        )
    found = elements(path, (*TAGS, "PixelData"), most=HEADER_BYTES + 2 * length)
    content = value_of(found, "PixelData", path)
    if not isinstance(content, bytes) or (header.syntax in _NATIVE and not length <= len(content) <= length + 1):
        raise UserError("has no pixel data, or not as many as its header says", where=str(path), remedy=REPLACE)
    if header.syntax in _NATIVE:
        return np.frombuffer(content, kind, count=header.height * header.width).reshape(shape)
    return _decompressed(found, content, header, path).astype(kind, copy=False)


def _decompressed(found: Any, content: bytes, header: Header, path: Path) -> NDArray[Any]:
    from PIL import Image
    from pydicom.encaps import get_frame
    from pydicom.pixels import get_decoder

    with in_our_words(path):
        # What the decoder unpacks is what the frame says, not the header.
        with Image.open(BytesIO(get_frame(content, 0, number_of_frames=1)), formats=[_BY_PILLOW[header.syntax]]) as it:
            same = it.size == (header.width, header.height) and len(it.getbands()) == 1
        if not same:
            raise UserError("holds another image than its header says", where=str(path), remedy=REPLACE)
        pixels, _ = get_decoder(header.syntax).as_array(found, index=0, raw=True, decoding_plugin="pillow")
        return pixels


def _name(syntax: str) -> str:
    from pydicom.uid import UID_dictionary

    return str(UID_dictionary.get(syntax, ("none of the standard's",))[0])
