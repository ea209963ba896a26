"""What is printed while a step runs, whoever prints it: a little of it is shown beside the display, made harmless."""

from __future__ import annotations

from benchmark.core.harmless import line
from benchmark.core.progress import Progress

LINES, WIDTH = 20, 400
"""How much of one step's output is shown."""


class Printed:
    """Output of one step, on its way to the display. None of it gets to standard output, which is for results.

    Args:
        progress: The display.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lines = 0
        self._begun = b""
        self._last = ""

    @property
    def full(self) -> bool:
        """Whether no more will be shown."""
        return self._lines > LINES

    def add(self, content: bytes) -> None:
        """Take what was printed, in pieces of any size."""
        *whole, rest = (self._begun + content).split(b"\n")
        self._begun = rest[-WIDTH * 4 :]
        for one in whole[: LINES + 1 - self._lines]:
            self._show(one)
        if whole:
            self._last = _words(whole[-1]) or self._last

    def close(self) -> None:
        """The step is over; what does not end in a new line counts as one."""
        if self._begun:
            self.add(b"\n")

    def after(self, reason: str) -> str:
        """`reason`, followed by the last that was printed."""
        return f"{reason} (it printed last: {self._last})" if self._last else reason

    def _show(self, one: bytes) -> None:
        text = _words(one)
        if not text or self.full:
            return
        self._lines += 1
        self._progress.say(text if self._lines <= LINES else "… (what else it printed is left out)")


def _words(one: bytes) -> str:
    return line(one[: WIDTH * 4].decode("utf-8", "replace"))[:WIDTH]
