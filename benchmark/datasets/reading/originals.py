"""What image files are before they are resized, by their headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmark.core.errors import UserError
from benchmark.datasets.reading.deep import bits_of
from benchmark.datasets.reading.dicom_file import is_dicom, unlogged
from benchmark.datasets.reading.dicom_header import read_header
from benchmark.datasets.reading.opened import opened


class Original(NamedTuple):
    """Pixels, and stored bits a channel."""

    width: int
    height: int
    bits: int


def originals(paths: Iterable[Path]) -> Counter[Original]:
    """How many files there are of each kind; those whose header cannot be read are left out."""
    counts: Counter[Original] = Counter()
    with unlogged():
        for path in paths:
            with suppress(UserError):
                counts[_original(path)] += 1
    return counts


def _original(path: Path) -> Original:
    if is_dicom(path):
        header = read_header(path)
        return Original(header.width, header.height, header.bits)
    with opened(path) as image:
        return Original(image.width, image.height, bits_of(image))
