"""Showing how far a run has come: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TextIO

from benchmark.core.harmless import line, on_screen


class Progress:
    """Counts steps and images; this base class shows nothing.

    Args:
        steps: Number of steps in the run.
    """

    def __init__(self, steps: int = 0) -> None:
        self.steps = steps
        self.step = 0
        self.label = ""
        self.total = 0
        self.done = 0
        self.started = 0.0
        self.note = ""

    def begin(self, label: str, total: int = 0) -> None:
        """A step begins that goes through `total` images (0 where it does not count any)."""
        self.step += 1
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self.started = time.monotonic()
        self.show(force=True)

    def expect(self, total: int) -> None:
        """The current step goes through `total` images."""
        self.total = total
        self.show()

    def advance(self, images: int) -> None:
        """`images` more are finished."""
        self.done += images
        self.show()

    def fraction(self, part: float, note: str = "") -> None:
        """A step that does not count images is `part` of the way through, in [0, 1]."""
        self.total, self.done, self.note = 1000, round(1000 * part), note
        self.show()

    def say(self, text: str) -> None:
        """Show a line that was printed while the step runs."""

    def end(self, outcome: str = "done") -> None:
        """The step is over."""

    def reused(self, label: str) -> None:
        """A step was found finished, or cannot run."""
        self.label = label
        self.step += 1

    def close(self) -> None:
        """The run is over."""

    def show(self, *, force: bool = False) -> None:
        """Bring the display up to date."""

    def line(self) -> str:
        """The current state as text: step, label, share, images per second, time left in this step."""
        elapsed = time.monotonic() - self.started
        text = f"[{self.step}/{self.steps}] {self.label}"
        if self.total:
            text += f" {100 * self.done // self.total:3d} %"
        if self.done and elapsed > 0 and not self.note:
            text += f", {self.done / elapsed:.3g} images/s"
        if self.note:
            text += f", {self.note}"
        if 0 < self.done < self.total:
            text += f", {_clock(elapsed / self.done * (self.total - self.done))} left"
        return text

    def elapsed(self) -> str:
        """Time since the step began."""
        return _clock(time.monotonic() - self.started)


class PlainProgress(Progress):
    """One line when a step begins and ends, and one every `every` seconds in between."""

    def __init__(self, steps: int, stream: TextIO | None = None, *, every: float = 10.0) -> None:
        super().__init__(steps)
        self.stream = stream or sys.stderr
        self.every = every
        self.shown = 0.0

    def show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if force:
            self.shown = now
        elif now - self.shown >= self.every:
            self.shown = now
            self._print(self.line())

    def say(self, text: str) -> None:
        self._print(f"[{self.step}/{self.steps}] {self.label} says: {text}")

    def end(self, outcome: str = "done") -> None:
        self._print(f"[{self.step}/{self.steps}] {self.label}: {outcome}, {self.elapsed()}")

    def _print(self, text: str) -> None:
        with suppress(BrokenPipeError):
            print(line(text), file=self.stream, flush=True)


class LiveProgress(Progress):
    """One line that is rewritten in place, through rich; finished steps stay above it."""

    def __init__(self, steps: int) -> None:
        super().__init__(steps)
        from rich.console import Console
        from rich.live import Live

        self._live = Live("", console=Console(stderr=True), refresh_per_second=5, transient=True)
        self._live.start()

    def show(self, *, force: bool = False) -> None:
        text = on_screen(self.line())
        text.no_wrap, text.overflow = True, "ellipsis"
        self._live.update(text, refresh=force)

    def say(self, text: str) -> None:
        self._live.console.print(on_screen(f"[{self.step}/{self.steps}] {self.label} says: {text}", style="dim"))

    def end(self, outcome: str = "done") -> None:
        style = "green" if outcome == "done" else "red"
        self._live.console.print(
            on_screen(f"[{self.step}/{self.steps}] {self.label}: {outcome}, {self.elapsed()}", style=style)
        )

    def close(self) -> None:
        self._live.stop()


def progress_for(steps: int) -> Progress:
    """The display that suits where standard error goes."""
    return LiveProgress(steps) if sys.stderr.isatty() else PlainProgress(steps)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
