"""A finished step on disk: a folder whose record names every other file in it with its size and hash."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.core.errors import UserError
from benchmark.core.keys import key_of
from benchmark.records.sealed_json import SealError, unsealed

RECORD = "record.json"
_REMEDY = "run the command that made it again, into the same folder: this step alone is computed again"
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Why a sound file may be unreadable."""

_TICK = 1_000_000_000
"""Nanoseconds within which a file can change twice and look the same, on the coarsest of file systems."""

_known: dict[tuple[int, ...], str] = {}
"""Hashes of files as they were when last read, by what changes whenever a file does."""


class FileMark(BaseModel):
    """What a file is known by."""

    model_config = ConfigDict(extra="forbid")

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> FileMark:
        """That of a file with this content."""
        return cls(size=len(content), sha256=hashlib.sha256(content).hexdigest())


class StepRecord(BaseModel):
    """What a finished step says of itself.

    Attributes:
        kind, label, key: What it is, for people and for look-up.
        spec: Everything that determined it, upstream keys included.
        results: Numbers the step computed; a function of `spec` alone.
        seconds, device, finished: How the computation went; never part of a table.
        files: The step's other files; filled in when it is saved.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    label: str
    key: str
    spec: dict[str, Any]
    results: dict[str, Any]
    seconds: float
    device: str
    finished: str
    files: dict[str, FileMark] = {}


class DamagedError(UserError):
    """A file of a finished step is not what was written; the step counts as not finished.

    Args:
        problem: What is wrong with it.
        path: The file.
    """

    def __init__(self, problem: str, path: Path) -> None:
        super().__init__(problem, where=str(path), remedy=_REMEDY)


class StepFolder:
    """Reads a step, and trusts no byte of it that its record does not vouch for.

    Args:
        path: The folder, named by the step's key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def record(self) -> StepRecord:
        """The record; every file that it names is there with its size, and no other.

        Raises:
            DamagedError: It is not what was written, or another step's.
            UserError: It may be sound and cannot be read.
        """
        record = self._record()
        sizes = self._sizes()
        for name in sorted(sizes.keys() - record.files.keys() - {RECORD}):
            raise DamagedError("is no file of this step", self.path / name)
        for name, mark in record.files.items():
            if name not in sizes:
                raise DamagedError("is missing", self.path / name)
            if sizes[name] != mark.size:
                raise DamagedError(f"has {sizes[name]} bytes, and {mark.size} were written", self.path / name)
        return record

    def file(self, name: str) -> Path:
        """A file of the step that is what was written; raises as `record`, and DamagedError where there is no such."""
        mark = self.record().files.get(name)
        if mark is None:
            raise DamagedError("is missing", self.path / name)
        self._compare(name, mark)
        return self.path / name

    def check(self, *, skip: frozenset[str] = frozenset()) -> None:
        """Compare every file but those in `skip`, of which the size is compared; raises as `record`."""
        for name, mark in self.record().files.items():
            if name not in skip:
                self._compare(name, mark)

    def _compare(self, name: str, mark: FileMark) -> None:
        if hash_of(self.path / name) != mark.sha256:
            raise DamagedError("its content is not what was written", self.path / name)

    def _record(self) -> StepRecord:
        path = self.path / RECORD
        try:
            record = StepRecord.model_validate(unsealed(_content(path)))
        except (SealError, ValidationError) as error:
            problem = str(error) if isinstance(error, SealError) else "is not the record of a step"
            raise DamagedError(problem, path) from error
        if record.key != self.path.name or record.key != key_of(record.kind, record.spec):
            raise DamagedError(f"is the record of another step ({record.key})", path)
        return record

    def _sizes(self) -> dict[str, int]:
        """Every file with its size; one that is no plain file has -1, which none was written with."""
        try:
            with os.scandir(self.path) as entries:
                found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return {name: about.st_size if stat.S_ISREG(about.st_mode) else -1 for name, about in found.items()}


def hash_of(path: Path) -> str:
    """SHA-256 of a file, which is read again only if it was changed since; raises as `StepFolder.record`."""
    try:
        about = os.stat(path, follow_symlinks=False)
        mark = (about.st_dev, about.st_ino, about.st_mtime_ns, about.st_ctime_ns, about.st_size)
        if mark in _known:
            return _known[mark]
        if not stat.S_ISREG(about.st_mode):
            raise DamagedError("is no plain file", path)
        began = time.time_ns()
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
    if began - about.st_ctime_ns > _TICK:
        _known[mark] = found
    return found


def _content(path: Path) -> bytes:
    try:
        # A pipe of that name would never end.
        if path.parent.is_symlink() or not stat.S_ISREG(os.lstat(path).st_mode):
            raise DamagedError("is no plain file in a folder of its own", path)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UserError:
    if isinstance(error, FileNotFoundError):
        return DamagedError("is missing", path)
    if error.errno in _OURS:
        return UserError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            remedy="make it readable for you, raise the limit on open files, or free memory; it may be sound",
        )
    return DamagedError(f"cannot be read ({error.strerror})", path)
