"""A process that nobody can whisper to: it reads no file that is younger than the run, and writes none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

_FORBIDDEN = (
    "socket.connect",
    "socket.bind",
    "subprocess.Popen",
    "os.system",
    "os.kill",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.remove",
    "os.rename",
    "os.link",
    "os.symlink",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def seal(folder: Path, began: float) -> None:
    """From here on this process opens no file that was written after `began`, writes nowhere, and talks to nobody.

    What a plug-in noted in files while it was attacked is then out of its reach; code, packages and files of its own
    are older than the run. It cannot be undone. Python's own calls are watched, not those of compiled code.

    Args:
        folder: Where this process may read and write all the same.
        began: Start of the run, in seconds since the epoch.

    Raises:
        PermissionError: Later, at every attempt.
    """
    own = os.path.join(os.path.realpath(folder), "")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            _check(arguments, own, began)
        elif event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is refused to the process that gives the verdicts")

    sys.addaudithook(refuse)


def _check(arguments: tuple[Any, ...], own: str, began: float) -> None:
    path, mode, flags = arguments
    if isinstance(path, int):
        return
    file = os.path.realpath(os.fsdecode(path))
    if file.startswith(own):
        return
    if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITING):
        raise PermissionError(f"writing {file} is refused to the process that gives the verdicts")
    # The time of the last change of status: unlike that of the last modification nobody can set it back.
    if os.path.exists(file) and os.stat(file).st_ctime > began:
        raise PermissionError(f"{file} is younger than the run; it is refused to the process that gives the verdicts")
