"""The run's side of the process that steps run in: asking, listening, waiting no longer than allowed, and ending it."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmark.core.errors import UserError
from benchmark.core.progress import Progress
from benchmark.core.writing import make_temporary_folder
from benchmark.engines.child import Ends, serve
from benchmark.engines.printed import Printed
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext

LISTEN = 0.2
"""Seconds between two looks at whether the process is still there and in time."""


@dataclass(frozen=True)
class Question:
    """A step that a process was asked for.

    Attributes:
        progress: Its display.
        printed: What is printed meanwhile.
        limit: Seconds that it may take; None for as long as it likes.
        began: When it was asked for.
    """

    progress: Progress
    printed: Printed
    limit: float | None
    began: float

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return self.limit is not None and time.monotonic() > self.began + self.limit


class Worker:
    """A process forked from this one, which runs steps and cannot change anything here.

    Args:
        steps: The steps that it can be asked for, by key.
        context: What they work with.
        threads: For computing.
        own_server: Whether it starts a process of its own that gives the verdicts, which is then ended with it. What
            it says of that process is believed, so that no plug-in of others may run there.
    """

    def __init__(self, steps: dict[str, Step], context: StepContext, *, threads: int, own_server: bool) -> None:
        self._scratch = make_temporary_folder("medrobust-step-")
        run, ends = os.getpid(), list[int]()
        try:
            ends = _pipes(3)
            asked, self._requests, self._replies, told, self._output, printed = ends
            with warnings.catch_warnings():
                # The child works in a thread of its own and touches no stream that another thread may have locked.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
        except BaseException:
            # A fork takes long enough for Ctrl-C to come meanwhile: the child must not go on as the run, and sees by
            # its pipes that nobody is left to ask.
            if os.getpid() != run:
                os._exit(1)
            for end in ends:
                os.close(end)
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        if not self._pid:
            try:
                for end in (self._requests, self._replies, self._output):
                    os.close(end)
                serve(steps, context, Ends(asked, told, printed), self._scratch, threads=threads)
            finally:
                # A signal in the middle of it must not let the child go on as the run.
                os._exit(1)
        for end in (asked, told, printed):
            os.close(end)
        for end in (self._replies, self._output):
            os.set_blocking(end, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)
        self._selector.register(self._output, selectors.EVENT_READ)
        self._status: int | None = None
        self._heard = b""
        self._ended = False
        self._asked: Question | None = None
        self._own_server = own_server
        # Whoever has a server of their own has others beside them.
        self._fewer = ", or let OMP_NUM_THREADS be smaller, since so many steps are computed at a time" * own_server
        self._server: int | None = None

    def alive(self) -> bool:
        """Whether the process is still there."""
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status = status
                # What it began has its number for a group still, and nobody else can get that meanwhile.
                _kill_group(pid)
        return self._status is None

    def ask(self, key: str, progress: Progress, limit: float | None) -> None:
        """Have a step computed and saved, and go on here; `outcome` tells what became of it.

        Args:
            key: The step's.
            progress: Its display.
            limit: Seconds that the step may take; None for as long as it likes.
        """
        self._asked = Question(progress, Printed(progress), limit, time.monotonic())
        with suppress(BrokenPipeError):
            os.write(self._requests, f"{key}\n".encode())

    def outcome(self, wait: float = LISTEN) -> str | None:
        """Empty where the step is saved, the reason where it is not, None where neither is known in `wait` seconds.

        After a hang or a death the process is ended.

        Raises:
            UserError: The step cannot be saved, nor can any other.
            OSError: Likewise.
        """
        assert self._asked is not None
        progress, printed = self._asked.progress, self._asked.printed
        # Asked before listening, so that the last words of a process that has ended are heard.
        alive = self.alive()
        for message in self._listen(printed, wait):
            reason = _told(message, progress)
            if reason is not None:
                self._drain(printed)
                return reason
            match message:
                case ["server", int(pid)] if self._own_server:
                    self._server = pid
        if not alive:
            self._drain(printed)
            self.end()
            return printed.after(_death(self._status or 0, self._fewer))
        if self._asked.late:
            self.end()
            return (
                f"it was not done after the {self._asked.limit:g} seconds of --step-timeout\n  "
                "remedy: allow more seconds, or mend what hangs"
            )
        return None

    def heard_at(self) -> list[int]:
        """The descriptors that have something to read when there is something to hear."""
        return [key.fd for key in self._selector.get_map().values()]

    def _listen(self, printed: Printed, wait: float) -> list[list[Any]]:
        found = []
        for key, _ in self._selector.select(wait):
            content = _read(key.fd)
            if not content:
                # All of the other ends are closed: the process has ended, or a plug-in closed what is not its own.
                self._selector.unregister(key.fd)
            elif key.fd == self._output:
                printed.add(content)
            else:
                *lines, self._heard = (self._heard + content).split(b"\n")
                found += [message for line in lines if (message := _parsed(line))]
        if not self._selector.get_map():
            time.sleep(wait)
        return found

    def _drain(self, printed: Printed) -> None:
        while content := _read(self._output):
            printed.add(content)
            if printed.full:
                break
        printed.close()

    def end(self) -> None:
        """End the process, and those that it began in its session; nothing where that was done."""
        if self._ended:
            return
        self._ended = True
        if self._status is None:
            _kill_group(self._pid)
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, signal.SIGKILL)
            self._status = os.waitpid(self._pid, 0)[1]
        if self._server is not None:
            # In a session of its own, and perhaps at a question that hangs.
            _kill_group(self._server)
        self._selector.close()
        for descriptor in (self._requests, self._replies, self._output):
            with suppress(OSError):
                os.close(descriptor)
        shutil.rmtree(self._scratch, ignore_errors=True)


def _pipes(count: int) -> list[int]:
    """The two ends of each; none where not all can be opened, so that descriptors are left to tell of it."""
    ends: list[int] = []
    try:
        for _ in range(count):
            ends += os.pipe()
    except OSError:
        for end in ends:
            os.close(end)
        raise
    return ends


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return b""


def _parsed(line: bytes) -> list[Any]:
    """A message; empty where it is none, as what a plug-in wrote into every descriptor that it found."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return message if isinstance(message, list) and message and isinstance(message[0], str) else []


def _told(message: list[Any], progress: Progress) -> str | None:
    """Pass a message on to the display; the outcome of the step where that is what it tells."""
    match message:
        case ["ended", str(reason)]:
            return reason
        case ["refused", str(problem), str(where), str(remedy)]:
            raise UserError(problem, where=where, remedy=remedy)
        case ["disk", int() | None as number, str() | None as words, str() | None as file]:
            raise OSError(number, words, file)
        case ["expect", int(total)]:
            progress.expect(total)
        case ["advance", int(images)]:
            progress.advance(images)
        case ["fraction", float(part), str(note)]:
            progress.fraction(part, note)
    return None


def _death(status: int, fewer: str) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"it ended its process with exit status {code}"
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL:
        remedy = f"give a smaller --batch-size{fewer}"
        return f"its process was killed, as by the system where memory runs out\n  remedy: {remedy}"
    return f"its process was ended by {name}"
