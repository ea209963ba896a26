"""What steps side by side save. Run with `pytest tests/speed -s` on idle cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUITE = """
name = "side-by-side"
title = "Rows of two kinds"
[data]
name = "chest-phantom"
size = 28
count = 600
[classifier]
name = "small-cnn"
epochs = 4
[evaluation]
samples = 64
[defense.none]
[defense.jpeg]
[defense.ebm]
iterations = 150
steps = 15
votes = 2
long_run_images = 0
[defense.score-purification]
iterations = 150
votes = 2
[robustness]
epsilon = "8/255"
probes = 4
diagnoses = 4
[robustness.attack.pgd]
steps = 10
[robustness.attack.transfer]
[robustness.attack.exact]
method = "pgd"
gradient = "exact"
steps = 10
defenses = ["ebm", "score-purification"]
"""


def seconds_of_a_run(suite: Path, out: Path, threads: int) -> float:
    """Wall time of a whole run from nothing."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "benchmark", "run", "--suite", str(suite), "--out", str(out)],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    return time.perf_counter() - started


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has no second step beside the first")
def test_two_steps_at_a_time_beside_one(tmp_path: Path) -> None:
    """The same suite in turns; the least of each, and the same bytes."""
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE, encoding="utf-8")
    turns = [
        [seconds_of_a_run(suite, tmp_path / f"{turn}-{threads}", threads) for threads in (1, 2)] for turn in range(2)
    ]
    one, two = (min(column) for column in zip(*turns, strict=True))
    print(f"\none step at a time {one:.1f} s, two {two:.1f} s: × {one / two:.2f}")
    assert (tmp_path / "0-1" / "rows.csv").read_bytes() == (tmp_path / "0-2" / "rows.csv").read_bytes()
