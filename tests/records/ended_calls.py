"""The command line in forks of one warm process, which can be ended at any of its calls that change its run folder."""

from __future__ import annotations

import builtins
import io
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LATER = (
    "benchmark.cli.run",
    "leaderboard.figures.publish",
    "leaderboard.publish",
    "leaderboard.terminal",
    "matplotlib.backends.backend_agg",
    "matplotlib.pyplot",
    "pyarrow.parquet",
    "rich.table",
    "scipy.stats",
    "sklearn.metrics",
    "sklearn.neighbors",
)
"""What the command imports only when it comes to it, and forks should not have to."""
_DRAWN = re.compile(r"\.[0-9a-f]{32}")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink")


@dataclass(frozen=True)
class Ended:
    """How a command went.

    Attributes:
        status: Exit status; −9 where it was killed.
        output: What it printed.
        calls: Every moment at which it could be killed, in words: before each call that changes the folder, and in
            each write when nothing and when half of it is written. Names drawn at random are left out of them, and
            those that come again are numbered.
    """

    status: int
    output: str
    calls: list[str]


def command(
    arguments: list[str],
    folder: Path,
    *,
    kill: Callable[[str], bool] | None = None,
    only_the_caller: bool = False,
    asked: int = 0,
    limits: Callable[[], None] | None = None,
) -> Ended:
    """Run `python -m benchmark` with these arguments, and kill it, with its children, at one of its calls.

    Args:
        arguments: Of the command line.
        folder: The run folder whose changes count.
        kill: Whether to kill it at this call; None to let it come to its end.
        only_the_caller: Whether only the process that makes the call is killed, as by the system for its memory.
        asked: A signal that the run gets instead, and can answer.
        limits: Called in the process before anything else.
    """
    begun = begin(arguments, folder, kill=kill, only_the_caller=only_the_caller, asked=asked, limits=limits)
    begun.process.join()
    return begun.ended()


@dataclass(frozen=True)
class Begun:
    """A command that is running.

    Attributes:
        process: Its process.
        log, said: Where its calls, and what it prints, are written.
    """

    process: Any
    log: Path
    said: Path

    def ended(self) -> Ended:
        """How it went, once it is over."""
        assert self.process.exitcode is not None
        calls = self.log.read_text(encoding="utf-8").splitlines()
        return Ended(self.process.exitcode, self.said.read_text(encoding="utf-8", errors="replace"), calls)


def begin(
    arguments: list[str],
    folder: Path,
    *,
    kill: Callable[[str], bool] | None = None,
    only_the_caller: bool = False,
    asked: int = 0,
    limits: Callable[[], None] | None = None,
) -> Begun:
    """`command`, not waited for."""
    log, said = folder.with_name(f"{folder.name}.calls"), folder.with_name(f"{folder.name}.said")
    for path in (log, said):
        path.unlink(missing_ok=True)
        path.touch()
    own_server = only_the_caller or bool(asked) or limits is not None
    work = (arguments, folder, log, said, kill, only_the_caller, asked, own_server, limits)
    process = _forks().Process(target=_run, args=work)
    process.start()
    return Begun(process, log, said)


def _forks() -> Any:
    # Libraries read this when they are loaded; a fork of a process with idle OpenMP threads would wait for them.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([*_LATER, "tests.records.ended_calls", "tests.records.warm"])
    return forks


def _run(
    arguments: list[str],
    folder: Path,
    log: Path,
    said: Path,
    kill: Callable[[str], bool] | None,
    only_the_caller: bool,
    asked: int,
    own_server: bool,
    limits: Callable[[], None] | None,
) -> None:
    from benchmark.__main__ import main
    from benchmark.verdicts import fresh

    output = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.setsid()
    if own_server:
        # The one that all share would be closed with this run.
        fresh._server = None
    if limits is not None:
        limits()
    _Calls(folder, log, kill, only_the_caller, asked).watch()
    status = main(arguments)
    sys.stdout.flush()
    if own_server:
        fresh.close()
    os._exit(status)


class _Calls:
    def __init__(
        self, folder: Path, log: Path, kill: Callable[[str], bool] | None, only_the_caller: bool, asked: int
    ) -> None:
        self.folder, self.log = os.path.abspath(folder), log
        self.kill, self.only_the_caller, self.asked = kill, only_the_caller, asked
        self.run = os.getpid()

    def watch(self) -> None:
        """From now on, in this process and in what is forked from it."""
        sys.addaudithook(self._called)
        opened = io.open

        def watched(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            stream = opened(file, mode, *more, **named)
            inside = self._inside(file) if set(mode) & set("wax+") else None
            return stream if inside is None else _Slow(stream, inside, self._reached)

        io.open = watched  # type: ignore[assignment]
        builtins.open = watched  # type: ignore[assignment]

    def _called(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            found = [
                self._inside(part, *arguments[-1:]) for part in arguments if isinstance(part, str | bytes | os.PathLike)
            ]
            what = event.removeprefix("os.")
        elif event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            found, what = [self._inside(arguments[0])], "write"
        else:
            return
        names = [name for name in found if name is not None]
        if names:
            self._reached(f"{what} {' to '.join(names)}")

    def _inside(self, path: Any, folder: Any = None) -> str | None:
        """The path within the run folder; None where it is elsewhere."""
        if isinstance(path, int):
            return None
        base = os.readlink(f"/proc/self/fd/{folder}") if isinstance(folder, int) and folder >= 0 else ""
        whole = os.path.abspath(os.path.join(base, os.fsdecode(path)))
        return os.path.relpath(whole, self.folder) if f"{whole}/".startswith(f"{self.folder}/") else None

    def _reached(self, what: str) -> None:
        what = _DRAWN.sub(".*", what)
        # A file, since forks count on where this process stopped.
        before = self.log.read_text(encoding="utf-8").splitlines()
        call = f"{what} ({1 + sum(line.startswith(f'{what} (') for line in before)})"
        log = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        os.write(log, f"{call}\n".encode())
        os.close(log)
        if self.kill is None or not self.kill(call):
            return
        if self.asked:
            os.kill(self.run, self.asked)
            return
        for process in [os.getpid()] if self.only_the_caller else [self.run, os.getpid()]:
            os.kill(process, signal.SIGKILL)


class _Slow:
    """A file whose writes are seen when nothing of them, and when half of them, is on disk."""

    def __init__(self, stream: Any, name: str, reached: Callable[[str], None]) -> None:
        self._stream, self._name, self._reached = stream, name, reached

    def write(self, content: Any) -> int:
        half = len(content) // 2
        self._reached(f"nothing written of {self._name}")
        self._stream.write(content[:half])
        self._stream.flush()
        self._reached(f"half written of {self._name}")
        self._stream.write(content[half:])
        return len(content)

    def __enter__(self) -> _Slow:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
