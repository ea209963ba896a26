"""What it costs that nothing of a finished run is shown unchecked. Run with `pytest tests/speed -s`."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.core.keys import key_of
from benchmark.records import step_folder
from benchmark.records.inspection import step_faults
from benchmark.records.step_folder import StepRecord
from benchmark.records.store import Store

if TYPE_CHECKING:
    from benchmark.records.run_record import RunRecord

TURNS, CELLS, IMAGES = 5, 1000, 624

UNCHECKED = """
import sys
from benchmark.records import inspection, sealed_json, step_folder, store
from benchmark.cli import leaderboard
step_folder.StepFolder._compare = lambda self, name, mark: None
inspection.step_faults = lambda store, manifest: []
from benchmark.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def seconds_of(*arguments: str) -> float:
    """CPU time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_showing_the_quick_board_with_and_without_the_checks(tmp_path: Path) -> None:
    """The whole command, in turns; the least of each."""
    out = str(tmp_path / "run")
    subprocess.run(
        [sys.executable, "-m", "benchmark", "run", "--suite", "chest-xray", "--out", out],
        check=True,
        capture_output=True,
    )
    show = ("leaderboard", "show", "--run", out)
    turns = [(seconds_of("-m", "benchmark", *show), seconds_of("-c", UNCHECKED, *show)) for _ in range(TURNS)]
    checked, unchecked = (min(column) for column in zip(*turns, strict=True))
    print(f"\nleaderboard show: {checked:.2f} s, without the checks {unchecked:.2f} s: {checked / unchecked - 1:+.1%}")


@pytest.fixture
def thousand(tmp_path: Path) -> Store:
    """Steps of a thousand attacks, with as many records and tensors as one on PneumoniaMNIST has."""
    store, rng = Store(tmp_path), np.random.default_rng(0)
    for number in range(CELLS):
        frame = pd.DataFrame({f"c{column}": rng.random(IMAGES) for column in range(16)})
        spec = {"n": number}
        key = key_of("attack", spec)
        record = StepRecord(
            kind="attack", label="x", key=key, spec=spec, results={}, seconds=0, device="cpu", finished=""
        )
        store.save(record, {"x": torch.zeros(IMAGES, 1, 28, 28)}, frame)
    return store


def test_checking_a_thousand_cells(thousand: Store) -> None:
    """CPU seconds of what `leaderboard show` checks, of all that `run` does, and of both again."""
    keys = [path.name for path in (thousand.root / "steps").iterdir()]
    cells = [SimpleNamespace(done_key=key, status="done") for key in keys]
    run = cast("RunRecord", SimpleNamespace(steps=[], cells=cells))
    size = sum(path.stat().st_size for path in thousand.root.rglob("*") if path.is_file())
    time.sleep(2)
    for name, check in (
        ("shown", lambda: step_faults(thousand, run)),
        ("reused", lambda: [key for key in keys if not thousand.has(key)]),
    ):
        for again in ("", " again"):
            if not again:
                step_folder._known.clear()
            began = time.process_time()
            assert check() == []
            spent = time.process_time() - began
            print(f"\n{CELLS} steps of {size / 1e6:.0f} MB, {name}{again}: {spent:.2f} s")
