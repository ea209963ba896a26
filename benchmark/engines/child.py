"""The process that steps run in: forked from the run, and ended without regard for what plug-ins left in it."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from benchmark.core.errors import UserError, in_words
from benchmark.core.progress import Progress
from benchmark.core.undisturbed import PristineImages
from benchmark.engines.attempt import attempt
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext
from benchmark.verdicts import fresh

Send = Callable[..., None]


@dataclass(frozen=True)
class Ends:
    """The file descriptors that a child has.

    Attributes:
        requests: Where it reads which step to run, one key a line.
        replies: Where it writes what became of it, one JSON list a line.
        output: Where everything goes that is printed in it.
    """

    requests: int
    replies: int
    output: int


class Reporting(Progress):
    """The display of another process, which is told what this one is told, at most ten times a second."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send
        self._due = 0.0
        self._untold = 0

    def expect(self, total: int) -> None:  # noqa: D102
        self._untold = 0
        self._send("expect", total)

    def advance(self, images: int) -> None:  # noqa: D102
        self._untold += images
        if self._now():
            self._send("advance", self._untold)
            self._untold = 0

    def fraction(self, part: float, note: str = "") -> None:  # noqa: D102
        if self._now() or part >= 1:
            self._send("fraction", float(part), str(note))

    def _now(self) -> bool:
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + 0.1
        return True


def serve(steps: dict[str, Step], context: StepContext, ends: Ends, scratch: Path, *, threads: int) -> None:
    """Run the steps that are asked for, until nobody asks any more; never returns.

    Args:
        steps: By key.
        context: What they work with.
        ends: Towards the process that asks.
        scratch: A folder for temporary files, which that process removes.
        threads: For computing.
    """
    status = 1
    try:
        replies = os.fdopen(ends.replies, "w", encoding="utf-8", errors="replace")
        lock = threading.Lock()

        def send(*message: Any) -> None:
            with lock:
                replies.write(json.dumps(message) + "\n")
                replies.flush()

        try:
            _settle(ends, scratch)
        except OSError as error:
            # Too many open files, or no room for another process: no fault of the step that is asked for.
            send(*_system_said(error))
            raise
        context.progress, context.apart = Reporting(send), True
        asked: SimpleQueue[Step] = SimpleQueue()
        # All computing is done in another thread: in this one OpenMP would wait for workers that the fork left behind.
        threading.Thread(target=_work, args=(asked, context, threads, send), daemon=True).start()
        # This one sees it where nobody is left to ask.
        for key in os.fdopen(ends.requests):
            asked.put(steps[key.strip()])
        status = 0
    except BaseException as error:
        os.write(2, in_words(error).encode())
    finally:
        # Even where nobody is left to tell: what comes after this is the run's.
        os._exit(status)


def _settle(ends: Ends, scratch: Path) -> None:
    """Leave the terminal, its signals and the streams to the process that this one was forked from."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(ends.output, 1)
    os.dup2(ends.output, 2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    needed = {1, 2, nowhere, ends.requests, ends.replies, *fresh.serving().descriptors()}
    # Not closed: an object that still holds the number would close what gets it next.
    for descriptor in {int(name) for name in os.listdir("/dev/fd")} - needed:
        with suppress(OSError):
            os.fstat(descriptor)
            os.dup2(nowhere, descriptor)
    # New objects, whose locks nobody held when the process was forked.
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = open(number, mode, encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    tempfile.tempdir = str(scratch)
    os.environ["TMPDIR"] = str(scratch)
    # Where memory runs out, the system ends this process rather than the run.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")


def _work(asked: SimpleQueue[Step], context: StepContext, threads: int, send: Send) -> None:
    torch.set_num_threads(threads)
    images = PristineImages(context.data)
    while True:
        _run(asked.get(), context, images, send)


def _run(step: Step, context: StepContext, images: PristineImages, send: Send) -> None:
    try:
        server = fresh.serving()
        if server.owner == os.getpid():
            # Told before every step, since one that ends is replaced.
            send("server", server.process.pid)
        reason = attempt(step, context, images)
    except UserError as error:
        send("refused", error.problem, error.where, error.remedy)
    except OSError as error:
        send(*_system_said(error))
    except BaseException as error:
        send("ended", in_words(error))
    else:
        send("ended", reason)


def _system_said(error: OSError) -> tuple[Any, ...]:
    return "disk", error.errno, error.strerror, None if error.filename is None else str(error.filename)
