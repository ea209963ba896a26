"""Files that appear whole or not at all; a disk that takes no more is an error with a remedy."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.core.errors import UserError

AGAIN = "run the same command again: finished steps are kept"
_REMEDIES = {
    errno.ENOSPC: f"free some space there, then {AGAIN}",
    errno.EDQUOT: f"free some of your quota there, then {AGAIN}",
    errno.EFBIG: f"raise the limit on the size of files (ulimit -f), then {AGAIN}",
    errno.EMFILE: f"raise the limit on open files (ulimit -n), then {AGAIN}",
    errno.ENFILE: f"close other programs, which have too many files open, then {AGAIN}",
    errno.EROFS: "it cannot be written to: give another --out, or mount it for writing",
    errno.EACCES: "it must be writable for you: change its permissions, or give another --out",
    errno.EPERM: "it must be writable for you: change its permissions, or give another --out",
    errno.EISDIR: "a folder is in its place: move it out of the way, then run the same command again",
    errno.ENOTDIR: "a file is in the place of a folder: move it out of the way, then run the same command again",
    errno.EEXIST: "something else is in its place: move it out of the way, then run the same command again",
    errno.EIO: f"the disk fails: copy the folder to another one, then {AGAIN}",
}
_NO_PLACE = f"let TMPDIR name another folder, where you may write and there is room, then {AGAIN}"
_NUMBER = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]", re.IGNORECASE)


class DiskError(UserError):
    """The disk, or a limit of the system, does not let the run go on. No step's fault: it ends the run."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the block `path` is written.

    Raises:
        DiskError: The system refuses, in whatever wrapping a library tells it.
    """
    try:
        yield
    except Exception as error:
        number = system_error(error)
        if number is None:
            raise
        raise DiskError(
            f"cannot be written ({os.strerror(number)})", where=str(path), remedy=_REMEDIES.get(number, AGAIN)
        ) from error


def make_temporary_folder(prefix: str) -> Path:
    """A new, empty folder for temporary files.

    Raises:
        DiskError: There is no place for one.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=prefix))
    except OSError as error:
        where = error.filename or os.environ.get("TMPDIR") or "TMPDIR"
        raise DiskError(f"cannot be made ({error.strerror})", where=str(where), remedy=_NO_PLACE) from error


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder for temporary files, which ends with the block; raises as `make_temporary_folder`."""
    folder = make_temporary_folder(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def system_error(error: BaseException) -> int | None:
    """The system's number for what went wrong; None where it was no matter of the system.

    Libraries that are not written in Python tell it in the text of an error of their own.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if type(error).__name__ not in ("SafetensorError", "ArrowException", "ArrowInvalid", "OSError"):
        return None
    found = _NUMBER.search(str(error))
    return int(found[1] or found[2]) if found else None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) so that a reader sees the old content or the new, never a part.

    What is no character, as half of a surrogate pair from somebody's error message, is written as "?".

    Raises:
        DiskError: It cannot be written; the old content is still there.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            aside.write_bytes(content)
            os.replace(aside, path)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
