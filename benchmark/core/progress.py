"""Showing how far a run has come: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from benchmark.core.harmless import line, on_screen
from benchmark.core.notebook import NotebookLine, in_notebook
from benchmark.core.remaining import Remaining


class Lines(Protocol):
    """What lines are printed to."""

    def write(self, text: str, /) -> int:
        """Add text."""

    def flush(self) -> None:
        """Let it be seen."""


@dataclass
class Doing:
    """How far one step is.

    Attributes:
        label: The step's.
        number: The how manyth of the run it is.
        key: The step's.
        total, done: Images; 0 in all where it does not count any.
        note: What it says of itself.
        started: When it began.
    """

    label: str = ""
    number: int = 0
    key: str = ""
    total: int = 0
    done: int = 0
    note: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


class Progress:
    """Counts steps and images; this base class shows nothing.

    Several steps may be at work at a time. What is told is of the one that began last, or was turned to since.

    Args:
        steps: Number of steps in the run.
    """

    def __init__(self, steps: int = 0) -> None:
        self.steps = steps
        self.step = 0
        self.doing = Doing()
        self.remaining: Remaining | None = None
        self._open: dict[str, Doing] = {}

    def begin(self, label: str, total: int = 0, *, key: str = "") -> None:
        """The step of this key begins, which goes through `total` images (0 where it does not count any)."""
        self.step += 1
        self.doing = self._open[key] = Doing(label, self.step, key, total)
        self.show(force=True)

    def turn_to(self, key: str) -> None:
        """What is told from here on is of the step of this key, which has begun."""
        self.doing = self._open.get(key, self.doing)

    def expect(self, total: int) -> None:
        """The current step goes through `total` images."""
        self.doing.total = total
        self.show()

    def advance(self, images: int) -> None:
        """`images` more are finished."""
        self.doing.done += images
        self.show()

    def fraction(self, part: float, note: str = "") -> None:
        """A step that does not count images is `part` of the way through, in [0, 1]."""
        self.doing.total, self.doing.done, self.doing.note = 1000, round(1000 * part), note
        self.show()

    def say(self, text: str) -> None:
        """Show a line that was printed while the step runs."""

    def end(self, outcome: str = "done") -> None:
        """The step is over."""
        del outcome
        self._open.pop(self.doing.key, None)
        if self.remaining is not None:
            self.remaining.ended(self.doing.key, self.doing.elapsed)

    def turn_to_another(self) -> None:
        """Show one of the steps that are still at work, where there is one: it may have nothing to tell for long."""
        if self._open:
            self.doing = next(reversed(self._open.values()))
            self.show(force=True)

    def reused(self, label: str, *, key: str = "") -> None:
        """A step was found finished, or cannot run."""
        self.step += 1
        if not self._open:
            self.doing = Doing(label, self.step, key)
        if self.remaining is not None:
            self.remaining.ended(key)

    def close(self) -> None:
        """The run is over."""

    def show(self, *, force: bool = False) -> None:
        """Bring the display up to date."""

    def line(self) -> str:
        """The current state as text: step, label, share, images per second, time left in this step."""
        doing, elapsed = self.doing, self.doing.elapsed
        text = self.headline()
        if doing.total:
            text += f" {100 * doing.done // doing.total:3d} %"
        if doing.done and elapsed > 0 and not doing.note:
            text += f", {doing.done / elapsed:.3g} images/s"
        if doing.note:
            text += f", {doing.note}"
        if 0 < doing.done < doing.total:
            text += f", {_clock(elapsed / doing.done * (doing.total - doing.done))} left"
        if self.remaining is not None:
            share = doing.done / doing.total if doing.total else 0.0
            left = self.remaining.seconds(doing.key, elapsed, share, at_once=max(1, len(self._open)))
            text += f"; run: about {_clock(left)} left"
        return text

    def headline(self) -> str:
        """Which step it is."""
        return f"[{self.doing.number}/{self.steps}] {self.doing.label}"

    def ending(self, outcome: str) -> str:
        """How the step ended, and after how long."""
        return f"{self.headline()}: {outcome}, {_clock(self.doing.elapsed)}"


class PlainProgress(Progress):
    """One line when a step begins and ends, and one every `every` seconds in between."""

    def __init__(self, steps: int, stream: Lines | None = None, *, every: float = 10.0) -> None:
        super().__init__(steps)
        self.stream: Lines = stream or sys.stderr
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
        self._print(f"{self.headline()} says: {text}")

    def end(self, outcome: str = "done") -> None:
        super().end(outcome)
        self._print(self.ending(outcome))

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
        self._live.console.print(on_screen(f"{self.headline()} says: {text}", style="dim"))

    def end(self, outcome: str = "done") -> None:
        super().end(outcome)
        style = "green" if outcome == "done" else "red"
        self._live.console.print(on_screen(self.ending(outcome), style=style))
        self.turn_to_another()

    def close(self) -> None:
        self._live.stop()


class NotebookProgress(Progress):
    """One line below the cell, rewritten in place, at most five times a second."""

    def __init__(self, steps: int) -> None:
        super().__init__(steps)
        self._line = NotebookLine()
        self._began = self._due = time.monotonic()

    def show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now >= self._due:
            self._due = now + 0.2
            self._line.show(line(self.line()))

    def end(self, outcome: str = "done") -> None:
        super().end(outcome)
        self.turn_to_another()

    def close(self) -> None:
        self._line.show(f"{self.step} of {self.steps} steps, {_clock(time.monotonic() - self._began)}")


class Several(Progress):
    """More than one display of the same run."""

    def __init__(self, *parts: Progress) -> None:
        super().__init__()
        self._parts = parts

    def begin(self, label: str, total: int = 0, *, key: str = "") -> None:
        for part in self._parts:
            part.begin(label, total, key=key)

    def turn_to(self, key: str) -> None:
        for part in self._parts:
            part.turn_to(key)

    def expect(self, total: int) -> None:
        for part in self._parts:
            part.expect(total)

    def advance(self, images: int) -> None:
        for part in self._parts:
            part.advance(images)

    def fraction(self, part: float, note: str = "") -> None:
        for display in self._parts:
            display.fraction(part, note)

    def say(self, text: str) -> None:
        for part in self._parts:
            part.say(text)

    def end(self, outcome: str = "done") -> None:
        for part in self._parts:
            part.end(outcome)

    def reused(self, label: str, *, key: str = "") -> None:
        for part in self._parts:
            part.reused(label, key=key)

    def close(self) -> None:
        for part in self._parts:
            part.close()


def progress_for(steps: int) -> Progress:
    """The display that suits where standard error goes: a notebook, a terminal, or elsewhere."""
    if in_notebook():
        return NotebookProgress(steps)
    return LiveProgress(steps) if sys.stderr.isatty() else PlainProgress(steps)


def duration(seconds: float) -> str:
    """A length of time in words, to two digits."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
