"""How long something takes that says how far it is, from its first moments."""

from __future__ import annotations

import time

_MOMENT, _LONG = 0.3, 5.0
"""Seconds after which two reports are enough, and after which one is."""


class EnoughError(BaseException):
    """Raised from a report where enough is known; no plug-in catches it by catching its own errors."""


class Stopwatch:
    """Takes the reports of a training, and ends it when they say how long the whole will take."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._reports: list[tuple[float, float]] = []

    def __call__(self, share: float, note: str = "") -> None:
        """`share` is done; raises EnoughError where that is enough to know."""
        del note
        elapsed = time.perf_counter() - self._started
        self._reports.append((elapsed, share))
        if (share < 1 and self._reports[0][1] < share and elapsed > _MOMENT) or (elapsed > _LONG and share > 0):
            raise EnoughError

    def seconds(self) -> float:
        """What the whole takes: what came before the first report, and the rest at the pace between the reports."""
        return whole(self._reports)


def whole(reports: list[tuple[float, float]]) -> float:
    """Seconds of all from (seconds, share) of some: the first may come late, since what it starts with comes once.

    The first share is taken to have cost what an equal share costs later, so a slow start is a start.
    """
    (first, done), (last, share) = reports[0], reports[-1]
    if share <= done:
        return last / share
    return first + (1 - done) * (last - first) / (share - done)
