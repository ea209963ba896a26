"""What a DICOM file says of its image (PS3.3 C.7.6.3, C.11.1 and C.11.2), and whose it is."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.errors import UserError
from benchmark.datasets.reading.dicom_file import CONVERT, REPLACE, elements, in_our_words, unlogged, value_of
from benchmark.datasets.reading.window import Bounds

TAGS = (
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "HighBit",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SamplesPerPixel",
    "SharedFunctionalGroupsSequence",
    "VOILUTFunction",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
)
"""Keywords of all that is read to show an image."""

_LARGEST = 1e12


@dataclass(frozen=True)
class Header:
    """What a file says of its image, checked; nothing of the patient.

    Attributes:
        width, height: Pixels.
        bits: Stored bits a pixel, at most 16.
        allocated: Bits that a pixel takes in the file, 8 or 16.
        high: The highest of the stored bits.
        signed: Stored values are two's complement.
        inverted: The smallest value is white (MONOCHROME1).
        slope, intercept: Of the modality transformation.
        window: What is black and what is white, where the header says so by a linear window.
        unshown: Why it cannot be shown without a window of the user's; empty where it can.
        syntax: UID of the transfer syntax.
    """

    width: int
    height: int
    bits: int
    allocated: int
    high: int
    signed: bool
    inverted: bool
    slope: float
    intercept: float
    window: Bounds | None
    unshown: str
    syntax: str


def read_header(path: Path) -> Header:
    """What is needed to show the image, read without it.

    Raises:
        UserError: It is no DICOM file, or none with one grayscale image that can be read.
    """
    found = elements(path, TAGS)
    for sequence, words in (("ModalityLUTSequence", "by a table"), ("SharedFunctionalGroupsSequence", "by frame")):
        if sequence in found:
            raise UserError(f"says {words} what its values mean, which is not read", where=str(path), remedy=CONVERT)
    if (value_of(found, "NumberOfFrames", path) or 1) != 1 or _whole(found, "SamplesPerPixel", path) != 1:
        raise UserError("is not one grayscale image (several frames, or colour)", where=str(path), remedy=CONVERT)
    photometric = value_of(found, "PhotometricInterpretation", path)
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise UserError("is neither MONOCHROME1 nor MONOCHROME2", where=str(path), remedy=CONVERT)
    allocated = _whole(found, "BitsAllocated", path)
    bits = _whole(found, "BitsStored", path)
    high = _whole(found, "HighBit", path) if "HighBit" in found else bits - 1
    if allocated not in (8, 16) or not 1 <= bits <= high + 1 <= allocated:
        raise UserError(
            f"stores {bits} of {allocated} bits up to bit {high}, and only 8 or 16 are read",
            where=str(path),
            remedy=CONVERT,
        )
    slope = _number(found, "RescaleSlope", 1.0, path)
    if slope == 0:
        raise UserError("has a rescale slope of 0", where=str(path), remedy=REPLACE)
    window, unshown = _window(found, path)
    with in_our_words(path):
        syntax = str(found.file_meta.get("TransferSyntaxUID", ""))
    return Header(
        width=_whole(found, "Columns", path, least=1),
        height=_whole(found, "Rows", path, least=1),
        bits=bits,
        allocated=allocated,
        high=high,
        signed=_whole(found, "PixelRepresentation", path) == 1,
        inverted=photometric == "MONOCHROME1",
        slope=slope,
        intercept=_number(found, "RescaleIntercept", 0.0, path),
        window=window,
        unshown=unshown,
        syntax=syntax,
    )


def patient_of(path: Path) -> str:
    """SHA-256 of the patient ID, 16 hexadecimal digits of it; empty for a file that cannot be read.

    What is wrong with such a file is for the reading of its image to say.

    Raises:
        UserError: There is no patient ID in it.
    """
    try:
        with unlogged():
            patient = str(value_of(elements(path, ("PatientID",)), "PatientID", path) or "").strip()
    except UserError:
        return ""
    if not patient:
        raise UserError("has no patient ID", where=str(path), remedy="set patient by file names or folders")
    return hashlib.sha256(patient.encode("utf-8", "replace")).hexdigest()[:16]


def _whole(found: Any, name: str, path: Path, *, least: int = 0) -> int:
    value = value_of(found, name, path)
    if not isinstance(value, int) or value < least:
        raise UserError(f"has no usable {name} in its header", where=str(path), remedy=REPLACE)
    return int(value)


def _number(found: Any, name: str, otherwise: float | None, path: Path) -> float:
    """The first number of that name."""
    value = value_of(found, name, path)
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if value else None
    if value in (None, "") and otherwise is not None:
        return otherwise
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) < _LARGEST:
        raise UserError(f"has no usable {name} in its header", where=str(path), remedy=REPLACE)
    return number


def _window(found: Any, path: Path) -> tuple[Bounds | None, str]:
    """The window of the header, and why there is none that can be used though it has something of the kind."""
    function = value_of(found, "VOILUTFunction", path) or "LINEAR"
    if "WindowCenter" not in found or "WindowWidth" not in found:
        return None, "is shown by a table of its own (VOI LUT)" if "VOILUTSequence" in found else ""
    if function != "LINEAR":
        return None, "is shown by a function that is not LINEAR"
    try:
        centre, width = (_number(found, name, None, path) for name in ("WindowCenter", "WindowWidth"))
    except UserError as error:
        return None, error.problem
    if width < 1:
        return None, "has a window narrower than 1"
    return (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2), ""
