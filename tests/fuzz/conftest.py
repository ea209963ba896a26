"""Hostile input, drawn by the thousand: each trial asks the same of what it does to a run, whatever the input was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from benchmark.core.discovery import load_plugins
from tests.fuzz.trials import Fuzz

SECONDS = 12
"""What one test may take where `--fuzz-minutes` does not say otherwise; five of them are a minute."""
ROUND = 25


@pytest.fixture(scope="session")
def plugins() -> None:
    """The project's plug-ins are registered."""
    load_plugins()


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Seeded trials in rounds: the same ones each time, as many as there is time for."""
    minutes: float | None = request.config.getoption("--fuzz-minutes")

    def run(trial: Callable[[Any], None], strategy: SearchStrategy[Any], *, trials: int) -> int:
        began, done, number = time.monotonic(), 0, 0
        limit = SECONDS if minutes is None else 60 * minutes
        while time.monotonic() - began < limit and (minutes is not None or done < trials):
            drawn = given(strategy)(lambda value: trial(value))
            plain = settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            seed(number)(plain(drawn))()
            done, number = done + ROUND, number + 1
        return done

    return run
