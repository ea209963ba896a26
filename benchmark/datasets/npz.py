"""Reading arrays from an .npz file that may be damaged or hostile."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UserError


def read_arrays(path: Path, keys: Sequence[str], *, remedy: str) -> dict[str, NDArray[Any]]:
    """The arrays named `keys`; nothing in the file is ever executed.

    Raises:
        UserError: The file is no .npz file, is truncated or damaged, holds Python objects, or lacks a key.
    """
    try:
        archive = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged file fails in any of a dozen ways, none of them worth a traceback
        raise UserError(_damaged(error), where=str(path), remedy=remedy) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise UserError("holds a single array, so it is no .npz file", where=str(path), remedy=remedy)
    with archive:
        missing = [key for key in keys if key not in archive.files]
        if missing:
            raise UserError(f"lacks the array {missing[0]!r}", where=str(path), remedy=remedy)
        try:
            return {key: np.asarray(archive[key]) for key in keys}
        except Exception as error:
            raise UserError(_damaged(error), where=str(path), remedy=remedy) from error


def md5_of(path: Path) -> str:
    """MD5 of the file, to compare with a published one; raises UserError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise UserError(f"cannot be read ({error})", where=str(path), remedy="check the file and its rights") from error


def _damaged(error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    if isinstance(error, (PermissionError, IsADirectoryError)):
        return f"cannot be opened ({error.strerror})"
    return f"is truncated or damaged ({type(error).__name__}: {reason})"
