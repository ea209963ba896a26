"""Noticing that a step has touched what others had finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_Signature = tuple[int, ...]


class FinishedFiles:
    """The files of finished steps as the system describes them: one that was written to since looks different.

    The time of a file's last change of status cannot be set back, unlike that of its last modification, so it need
    not be read. A thousand steps take about 10 ms.

    Args:
        root: The run folder.
    """

    def __init__(self, root: Path) -> None:
        self._steps = root / "steps"
        self._seen: dict[str, dict[str, _Signature]] = {}

    def note(self, key: str) -> None:
        """From here on this step stays as it is now."""
        self._seen[key] = _signatures(self._steps / key)

    def touched(self) -> list[str]:
        """Keys of the noted steps that are not as they were; these are removed, so that nobody reads them."""
        changed = [key for key, before in self._seen.items() if _signatures(self._steps / key) != before]
        for key in changed:
            del self._seen[key]
            folder = self._steps / key
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
            elif os.path.lexists(folder):
                folder.unlink()
        return changed


def _signatures(folder: Path) -> dict[str, _Signature]:
    return dict(_walk(folder))


def _walk(folder: Path) -> Iterator[tuple[str, _Signature]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        now = entry.stat(follow_symlinks=False)
        yield entry.name, (now.st_ino, now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
