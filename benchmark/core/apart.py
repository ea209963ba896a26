"""One answer from a process of its own: of code that is not ours, or that would bind this process to a GPU."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from benchmark.core.errors import UserError, in_words


class NoAnswerError(Exception):
    """The process raised, ended, or did not answer in time; the reason is the text."""


def answer_apart(question: Callable[[], str], *, seconds: float) -> str:
    """What `question()` gives, in a process forked for it: nothing that it does or leaves reaches this one.

    Args:
        question: Run in another thread, since this one's OpenMP would wait for workers that the fork left behind.
        seconds: How long to wait.

    Raises:
        UserError: `question` raised one.
        NoAnswerError: It raised anything else, ended its process, or took too long.
    """
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _answer(question, theirs)
    os.close(theirs)
    try:
        told, late = _heard(ours, seconds)
    finally:
        os.close(ours)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if late:
        raise NoAnswerError(f"no answer within {seconds:g} seconds")
    match _parsed(told):
        case ["given", str(text)]:
            return text
        case ["refused", str(problem), str(where), str(remedy)]:
            raise UserError(problem, where=where, remedy=remedy)
        case ["raised", str(reason)]:
            raise NoAnswerError(reason)
    raise NoAnswerError(
        f"its process was ended by {signal.Signals(-status).name}" if status < 0 else "it ended its process"
    )


def _heard(descriptor: int, seconds: float) -> tuple[bytes, bool]:
    """What was written until the other end closed, and whether it never did."""
    told, last = b"", time.monotonic() + seconds
    while (left := last - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            content = os.read(descriptor, 1 << 16)
            if not content:
                return told, False
            told += content
    return told, True


def _parsed(told: bytes) -> object:
    try:
        return json.loads(told)
    except (ValueError, RecursionError):
        return None


def _answer(question: Callable[[], str], end: int) -> None:
    """Answer and leave the process; never returns."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        thread = threading.Thread(target=_tell, args=(question, end), daemon=True)
        thread.start()
        thread.join()
    finally:
        os._exit(0)


def _tell(question: Callable[[], str], end: int) -> None:
    try:
        message = ["given", question()]
    except UserError as error:
        message = ["refused", error.problem, error.where, error.remedy]
    except BaseException as error:
        message = ["raised", in_words(error)]
    os.write(end, json.dumps(message).encode())
