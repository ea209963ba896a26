"""How much a run says, and where: `--quiet`, `--verbose` and `--log-file`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from benchmark.cli.console import say

if TYPE_CHECKING:
    from benchmark.cli.log_file import LogFile
    from benchmark.core.progress import Progress

_OFTEN = 2.0
"""Seconds between two lines of a step where a run is to say much."""


class Talk:
    """What a run says on standard output and standard error, and in a log.

    Args:
        quiet: Say no more than results, warnings and errors.
        verbose: A line for every step and every two seconds of it, also on a terminal.
        log: Where everything goes as well, whatever is shown; None for nowhere.
    """

    def __init__(self, *, quiet: bool, verbose: bool, log: LogFile | None) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._log = log

    def note(self, text: str) -> None:
        """What is good to know."""
        if not self._quiet:
            say(text, error=True)
        self._keep(text)

    def warn(self, text: str, *, bold: bool = False) -> None:
        """What must be known."""
        say(text, error=True, bold=bold)
        self._keep(text)

    def result(self, text: str) -> None:
        """What was asked for."""
        say(text)
        self._keep(text)

    @property
    def tells_what_remains(self) -> bool:
        """Whether it is worth measuring how long the run will take: somebody is watching."""
        return self._verbose or (sys.stderr.isatty() and not self._quiet)

    def progress(self, steps: int, expected: Mapping[str, float], alone: Collection[str] = ()) -> Progress:
        """The display of a run of so many steps: seconds that some are expected to take, and which run alone."""
        from benchmark.core.progress import PlainProgress, Several, progress_for
        from benchmark.core.remaining import Remaining

        parts: list[Progress] = []
        if not self._quiet:
            parts.append(PlainProgress(steps, every=_OFTEN) if self._verbose else progress_for(steps))
        if self._log is not None:
            parts.append(PlainProgress(steps, self._log))
        for part in parts:
            part.remaining = Remaining(expected, alone) if expected else None
        return Several(*parts)

    def _keep(self, text: str) -> None:
        if self._log is not None:
            self._log.write(text)
