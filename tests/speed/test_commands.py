"""How long a user waits. Run with `pytest tests/speed -s`; the figures are in docs/performance.md."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")


def command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "benchmark", *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [("--help",), ("list",), ("describe", "pgd")], ids=" ".join)
def test_commands_that_only_look(arguments: tuple[str, ...], benchmark) -> None:  # type: ignore[no-untyped-def]
    benchmark.pedantic(command, arguments, rounds=5, warmup_rounds=1)


def test_the_quick_run_from_nothing_and_again(tmp_path: Path) -> None:
    """Wall seconds and peak memory of the quick profile, then of the finished run started again."""
    out = str(tmp_path / "run")
    for name in ("from nothing", "again"):
        started = time.perf_counter()
        command("run", "--suite", "chest-xray", "--out", out)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\nquick run {name}: {seconds:.1f} s, peak memory so far {peak:.0f} MiB")
