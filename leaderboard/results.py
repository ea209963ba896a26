"""What sections read a run from."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar, cast

import pandas as pd

from benchmark.records.run_record import RunRecord
from benchmark.records.store import Store

T = TypeVar("T")

_FRAMES = 64
"""Records of so many cells stay in memory."""


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
        self._samples = lru_cache(_FRAMES)(store.samples)

    def once(self, read: Callable[[Results], T]) -> T:
        """What `read` makes of them, made once however many sections ask."""
        if read not in self._read:
            self._read[read] = read(self)
        return cast(T, self._read[read])

    def samples(self, key: str) -> pd.DataFrame:
        """Per-sample records of a step, not to be changed; raises as `Store.samples`."""
        return self._samples(key)
