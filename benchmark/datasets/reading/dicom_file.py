"""Reading elements of a DICOM file by pydicom, within limits.

No value of a header leaves here but what is asked for: errors are in our own words, and pydicom's log and warnings,
which quote what they dislike, are not shown.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BufferedReader
from pathlib import Path
from typing import Any

from benchmark.core.errors import UserError
from benchmark.core.plain_file import open_plain
from benchmark.datasets.reading.unusable import unusable

SUFFIXES = frozenset({".dcm", ".dicom"})
HEADER_BYTES = 2**20
"""Of a header that are read; long values that are of no interest are passed over, and do not count."""
CONVERT = "convert it, for example to a 16-bit PNG and a window of your own"
REPLACE = "replace the file, or remove it"

_MOST_BYTES = 2**29


def is_dicom(path: Path) -> bool:
    """Whether a file says by its name that it is DICOM."""
    return path.suffix.lower() in SUFFIXES


def require_pydicom(paths: Sequence[Path]) -> None:
    """Raise UserError that names the DICOM files among `paths` where nothing is installed that reads them."""
    found = [path for path in paths if is_dicom(path)]
    if not found or find_spec("pydicom"):
        return
    remedy = "pip install 'medrobust[dicom]', or convert the files"
    problem = "is DICOM, which takes pydicom to read, and it is not installed"
    raise unusable([UserError(problem, where=str(path), remedy=remedy) for path in found], of=len(paths))


def elements(path: Path, tags: Sequence[str], *, most: int = HEADER_BYTES) -> Any:
    """The data set of pydicom with the elements of these keywords alone.

    Args:
        path: The file.
        tags: Keywords; the header alone is read where "PixelData" is not among them.
        most: Bytes that are read.

    Raises:
        UserError: It is no DICOM file, or one that asks for more bytes.
    """
    import pydicom

    with open_plain(path, most=_MOST_BYTES) as file, in_our_words(path):
        return pydicom.dcmread(
            _Within(file, most, path), stop_before_pixels="PixelData" not in tags, specific_tags=list(tags)
        )


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """Whatever is raised becomes a UserError that quotes nothing."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # of a damaged file almost anything, with values of its header in the text
        raise UserError(
            f"is not a readable DICOM file ({type(error).__name__})", where=str(path), remedy=REPLACE
        ) from None


def value_of(found: Any, name: str, path: Path) -> Any:
    """The value of an element; None where there is none."""
    with in_our_words(path):
        return found.get(name)


@contextmanager
def unlogged() -> Iterator[None]:
    """Nothing that pydicom logs or warns of is shown meanwhile; not to be entered by several threads at a time."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled, logger.propagate
    logger.disabled, logger.propagate = True, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled, logger.propagate = before


class _Within:
    """A file of which no more than so many bytes can be read, whatever lengths are written in it."""

    def __init__(self, file: BufferedReader, most: int, path: Path) -> None:
        self._file, self._left, self._path = file, most, path
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= self._left:
            raise UserError(
                "asks for more bytes than one image takes, or is deflated", where=str(self._path), remedy=CONVERT
            )
        self._left -= count
        return self._file.read(count)
