"""The folder that a run writes into: whose it is, and who else is at work in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.core.errors import UserError
from benchmark.core.plain_file import is_utf8
from benchmark.core.writing import writing
from benchmark.records.store import Store
from benchmark.suites.suite import Suite


def check_writable(folder: Path) -> None:
    """Raise UserError when a run cannot write to `folder`, or would write elsewhere."""
    if not is_utf8(str(folder)):
        raise UserError("the name is not UTF-8", where=str(folder), remedy="give another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot be made ({error.strerror})", where=str(folder), remedy="give another --out") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError("cannot be written to", where=str(folder), remedy="give another --out")
    for part in (folder / "steps", folder / "figures", folder / "leaderboard"):
        if os.path.lexists(part) and (part.is_symlink() or not part.is_dir()):
            raise UserError(
                "is a link or a file, where a run keeps a folder", where=str(part), remedy="move it out of the way"
            )


def check_same_suite(store: Store, suite: Suite) -> None:
    """Raise UserError where the folder holds the board of another suite or profile."""
    try:
        there = store.manifest().suite
    except UserError:
        # No run yet, or one that cannot be read and is written anew.
        return
    if (there.name, there.profile) != (suite.name, suite.profile):
        raise UserError(
            f"holds the board of suite {there.name!r}, profile {there.profile!r}; this is suite {suite.name!r}, "
            f"profile {suite.profile!r}",
            where=str(store.root),
            remedy="give another --out, or --force to replace that board (its finished steps stay)",
        )


@contextmanager
def at_work(folder: Path, when_alone: Callable[[], None]) -> Iterator[bool]:
    """Within the block others can see that a run is at work in `folder`; gives whether another one is too.

    Args:
        folder: The run folder.
        when_alone: Called where there is no other, while none can begin.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        entrance = _open(folder)
    if entrance is None:
        yield False
        return
    import fcntl

    # Locks of a folder end with the process that holds them, however it ends, and leave no file behind.
    try:
        others = _taken(entrance)
        if others is False:
            when_alone()
        if others is not None:
            fcntl.flock(entrance, fcntl.LOCK_SH)
        yield bool(others)
    finally:
        os.close(entrance)


def somebody_at_work(folder: Path) -> bool:
    """Whether a run is at work in `folder` at this moment, as far as can be told."""
    entrance = _open(folder)
    if entrance is None:
        return False
    try:
        return bool(_taken(entrance))
    finally:
        os.close(entrance)


def _open(folder: Path) -> int | None:
    """A descriptor of the folder that can be locked; None on systems without one."""
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return None
    return os.open(folder, os.O_RDONLY)


def _taken(entrance: int) -> bool | None:
    """Whether others hold the lock, which is taken where they do not; None where the file system knows no locks."""
    import fcntl

    try:
        fcntl.flock(entrance, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False
