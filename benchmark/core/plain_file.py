"""Looking at what a path is before it is opened: what is no plain file is refused at once, and never waited for."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from benchmark.core.errors import UserError

_FILE, _FOLDER = "a file", "a folder"
_KINDS = (
    (stat.S_ISREG, _FILE),
    (stat.S_ISDIR, _FOLDER),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_RIGHTS = "give yourself the right to read it, and to enter the folders above it"


def kind(path: Path) -> str:
    """What lies at `path`, in words; empty where nothing does.

    Raises:
        UserError: It cannot be told: a file stands where a folder should be, a link leads nowhere or in a circle, or
            the rights do not allow it.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        _refuse_broken_link(path, error)
        return ""
    except NotADirectoryError as error:
        above = next((p for p in path.parents if os.path.exists(p)), path)
        raise UserError(f"is {kind(above)}, not a folder", where=str(above), remedy="give another path") from error
    except PermissionError as error:
        raise UserError("may not be looked at (permission denied)", where=str(path), remedy=_RIGHTS) from error
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            raise UserError("is a circle of links", where=str(path), remedy="let the link point to the data") from error
        raise UserError(f"cannot be looked at ({_said(error)})", where=str(path), remedy="check the path") from error
    return _in_words(mode)


def is_folder(path: Path) -> bool:
    """Whether a folder lies there; raises UserError where something else does, or as `kind` does."""
    return _is(path, _FOLDER)


def is_file(path: Path) -> bool:
    """Whether a plain file lies there; raises UserError where something else does, or as `kind` does."""
    return _is(path, _FILE)


def is_utf8(name: str) -> bool:
    """Whether a name can stand in records and tables; the system takes any bytes for one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def open_plain(path: Path, *, most: int) -> BufferedReader:
    """Open a plain file for reading.

    Args:
        path: The file.
        most: Bytes; no larger file is opened.

    Raises:
        UserError: It is no plain file, is larger, or may not be read.
    """
    if not is_file(path):
        raise UserError("no such file", where=str(path), remedy="put it there")
    # Should a pipe have taken the file's place by now, opening it must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except PermissionError as error:
        raise UserError("may not be read (permission denied)", where=str(path), remedy=_RIGHTS) from error
    except OSError as error:
        raise UserError(f"cannot be opened ({_said(error)})", where=str(path), remedy="check the file") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        os.close(descriptor)
        if stat.S_ISREG(found.st_mode):
            problem = f"takes {found.st_size:,} bytes, more than the {most:,} that it may"
            raise UserError(problem, where=str(path), remedy="replace the file")
        raise _other(path, _in_words(found.st_mode), _FILE)
    return os.fdopen(descriptor, "rb")


def _is(path: Path, wanted: str) -> bool:
    found = kind(path)
    if found not in ("", wanted):
        raise _other(path, found, wanted)
    return bool(found)


def _other(path: Path, found: str, wanted: str) -> UserError:
    return UserError(f"is {found}, not {wanted}", where=str(path), remedy=f"put {wanted} there, or give another path")


def _in_words(mode: int) -> str:
    return next((words for test, words in _KINDS if test(mode)), "something else")


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _refuse_broken_link(path: Path, error: Exception) -> None:
    nearest = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
    if os.path.islink(nearest) and not os.path.exists(nearest):
        raise UserError(
            f"is a link to {os.readlink(nearest)!r}, where nothing is",
            where=str(nearest),
            remedy="let the link point to the data, or remove it",
        ) from error
