"""Reading arrays from an .npz file that may be damaged or hostile."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import UserError
from benchmark.core.plain_file import open_plain

_READ_BYTES = 2**20
_HEADER_BYTES = 10_000
_BIG_BYTES = 2**24
_MOST_COMPRESSED = 200
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What an array says of itself before any of it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize


def read_arrays(
    path: Path, keys: Sequence[str], *, most: int, check: Callable[[dict[str, Header]], None], remedy: str
) -> dict[str, NDArray[Any]]:
    """The arrays named `keys`; nothing in the file is ever executed.

    Every array's header is read and compared with the archive's directory, and `check` has seen them all, before
    memory is taken for any: a small file cannot unpack to more than its headers say and `check` allows.

    Args:
        path: The file.
        keys: Names of the arrays.
        most: Bytes that the file may take.
        check: Raises UserError where the headers are not those of the data wanted.
        remedy: For the errors.

    Raises:
        UserError: The file is no plain .npz file, is truncated or damaged, holds Python objects, or lacks a key.
    """
    with open_plain(path, most=most) as file:
        try:
            with zipfile.ZipFile(_Bounded(file)) as archive:
                members = _members(archive, keys, path, remedy)
                headers = {key: _header(archive, member) for key, member in members.items()}
                check(headers)
                return {key: _array(archive, member, headers[key]) for key, member in members.items()}
        except UserError:
            raise
        except MemoryError as error:
            raise UserError("needs more memory than there is", where=str(path), remedy=remedy) from error
        except Exception as error:  # a damaged file fails in any of a dozen ways, none of them worth a traceback
            raise UserError(_damaged(error), where=str(path), remedy=remedy) from error


def md5_of(path: Path, *, most: int) -> str:
    """MD5 of the file, to compare with a published one; raises UserError when it cannot be read."""
    with open_plain(path, most=most) as file:
        try:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        except OSError as error:
            raise UserError(f"cannot be read ({error})", where=str(path), remedy="check the file") from error


class _Bounded:
    """A file of which no more than a little is read at once, such as a directory of millions of entries."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        content = self._file.read(_READ_BYTES + 1 if count < 0 else min(count, _READ_BYTES + 1))
        if len(content) > _READ_BYTES:
            raise zipfile.BadZipFile("its directory is too long")
        return content


def _members(archive: zipfile.ZipFile, keys: Sequence[str], path: Path, remedy: str) -> dict[str, zipfile.ZipInfo]:
    members = {}
    for key in keys:
        found = [info for info in archive.infolist() if info.filename == f"{key}.npy"]
        if len(found) != 1:
            problem = f"lacks the array {key!r}" if not found else f"has the array {key!r} {len(found)} times"
            raise UserError(problem, where=str(path), remedy=remedy)
        if found[0].compress_type not in _METHODS:
            raise ValueError(f"{key} is compressed as numpy never does")
        if found[0].file_size > max(_BIG_BYTES, _MOST_COMPRESSED * found[0].compress_size):
            raise ValueError(f"{found[0].compress_size:,} bytes of {key} are to unpack to {found[0].file_size:,}")
        members[key] = found[0]
    return members


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename} is of version {version}")
        shape, _, dtype = _HEADERS[version](file, max_header_size=_HEADER_BYTES)
        header = Header(shape, dtype)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        if any(length < 0 for length in shape) or file.tell() + header.size != member.file_size:
            raise ValueError(f"{member.filename} says that it is {dtype} {list(shape)}, and is not as long as that")
    return header


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: Header) -> NDArray[Any]:
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False, max_header_size=_HEADER_BYTES)
        # The checksum is looked at where the content ends.
        if file.read(1) or array.shape != header.shape or array.dtype != header.dtype:
            raise ValueError(f"{member.filename} is not what its header says")
    return array


def _damaged(error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    if isinstance(error, zipfile.BadZipFile) and "not a zip file" in reason:
        return "is truncated or damaged, or no .npz file"
    return f"is truncated or damaged ({type(error).__name__}: {reason})"
