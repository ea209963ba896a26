"""What sections read a run from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from benchmark.records.run_record import RunRecord
from benchmark.records.store import Store

T = TypeVar("T")


class Results:
    """A run and its records.

    Args:
        run: What the run was.
        store: Its folder.
    """

    def __init__(self, run: RunRecord, store: Store) -> None:
        self.run = run
        self.store = store
        self._read: dict[Callable[[Results], object], object] = {}

    def once(self, read: Callable[[Results], T]) -> T:
        """What `read` makes of them, made once however many sections ask."""
        if read not in self._read:
            self._read[read] = read(self)
        return cast(T, self._read[read])
