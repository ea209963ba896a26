"""The file that `--log-file` names: what a run says, as plain lines with their time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG

from benchmark.core.errors import UserError
from benchmark.core.harmless import line, tell


class LogFile:
    """Lines are appended, each by one write. What the disk does not take is lost, and the run goes on.

    Args:
        path: Where; a file that is there is kept and added to.

    Raises:
        UserError: It cannot be opened, or is no plain file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # A pipe that nobody reads would hold the run here.
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o644)
        except (OSError, ValueError) as error:
            raise self._refusal(getattr(error, "strerror", None) or str(error)) from error
        if not S_ISREG(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise self._refusal("no plain file")
        self._lost = False

    def write(self, text: str) -> int:
        """Add the lines of `text`, each harmless and with the time before it; how many characters that were."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        for each in text.splitlines():
            if each.strip():
                self._append(f"{now} {line(each)}\n".encode("utf-8", errors="replace"))
        return len(text)

    def flush(self) -> None:
        """Nothing: every line is written at once."""

    def close(self) -> None:
        """No more lines come."""
        with suppress(OSError):
            os.close(self._file)

    def _append(self, content: bytes) -> None:
        if self._lost:
            return
        try:
            if os.write(self._file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._lost = True
            tell(f"note: {self._path} takes no more lines ({error.strerror}); the run goes on")

    def _refusal(self, reason: str) -> UserError:
        return UserError(
            f"{str(self._path)!r} cannot be written to ({reason})",
            where="--log-file",
            remedy="name a file in a folder that is there and that you may write to",
        )


@contextmanager
def logging_to(path: Path | None) -> Iterator[LogFile | None]:
    """The file open for the block, at whose end the reason of a failure is written into it; None where no path is."""
    if path is None:
        yield None
        return
    log = LogFile(path)
    try:
        yield log
    except UserError as error:
        log.write(f"error: {error}")
        raise
    except KeyboardInterrupt:
        log.write("interrupted")
        raise
    finally:
        log.close()
