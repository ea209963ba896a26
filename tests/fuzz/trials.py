"""What a fuzz test is handed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from hypothesis.strategies import SearchStrategy


class Fuzz(Protocol):
    """Runs `trial` on `trials` draws of `strategy`, or for as long as there is time; returns how many it ran."""

    def __call__(self, trial: Callable[[Any], None], strategy: SearchStrategy[Any], *, trials: int) -> int: ...
