"""How long the rest of a run will take, corrected by how long its finished steps took."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Remaining:
    """What is left of a run: what was expected of the steps, times how wrong that has been so far.

    Args:
        expected: Seconds of the steps that are still to do, by key.
        alone: Those that are never computed beside another, and come last.
    """

    def __init__(self, expected: Mapping[str, float], alone: Collection[str] = ()) -> None:
        self._left = dict(expected)
        self._alone = frozenset(alone)
        self._expected = self._taken = 0.0

    def ended(self, key: str, seconds: float | None = None) -> None:
        """A step is over, after so many seconds where it was computed."""
        expected = self._left.pop(key, None)
        if expected is not None and seconds is not None:
            self._expected += expected
            self._taken += seconds

    def seconds(self, key: str = "", elapsed: float = 0.0, share: float = 0.0, *, at_once: int = 1) -> float:
        """Seconds that are left while the step `key` has gone on for `elapsed`, and is `share` of the way through.

        Where `at_once` steps are computed side by side, each is taken to have its share of what is left for them.
        """
        correction = self._taken / self._expected if self._expected > 0 else 1.0
        waiting = {other: seconds for other, seconds in self._left.items() if other != key}
        later = correction * sum(seconds for other, seconds in waiting.items() if other in self._alone)
        others = correction * sum(seconds for other, seconds in waiting.items() if other not in self._alone)
        own = 0.0
        if key in self._left:
            own = elapsed * (1 - share) / share if share > 0 else max(0.0, correction * self._left[key] - elapsed)
        return max(own, (others + own) / at_once) + later
