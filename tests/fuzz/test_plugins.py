"""Plug-ins that raise, die, hang, print, return nonsense or change everything: no other row notices."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import strategies as st

from benchmark.__main__ import main
from benchmark.records.store import Store
from benchmark.verdicts import fresh
from tests.fuzz import bad_plugins
from tests.fuzz.bad_plugins import KINDS
from tests.fuzz.trials import Fuzz

SUITE = """
name = "fuzzed"
title = "Other people's plug-ins"
[data]
name = "chest-phantom"
size = 28
count = 120
[classifier]
name = "small-cnn"
epochs = 1
[evaluation]
samples = 12
replicates = 1
{defenses}
[defense.none]
[robustness]
epsilon = "8/255"
probes = 0
diagnoses = 0
{attacks}
[robustness.attack.fgsm]
defenses = ["none"]
[detection]
epsilon = "8/255"
defenses = ["none"]
[detection.attack.bim]
steps = 2
[detector.kd]
{detectors}
"""
TIMEOUT = 20
HANGING = ("sleeps", "stops-itself")
FATAL = ("-gives-none", "-gives-nan", "-exits", "-leaves-3", "-is-killed", "-recursion", *HANGING)
"""Misdeeds that no row survives, wherever they are done."""


@dataclass
class Ended:
    """A run on the command line.

    Attributes:
        status: Exit status; None where it did not end in time.
        stdout, stderr: What it wrote.
        samples: Per-image records of the undefended rows that were published.
        errors: Labels of all cells in error, with the reasons.
    """

    status: int | None
    stdout: bytes
    stderr: bytes
    samples: pd.DataFrame
    errors: dict[str, str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without any bad plug-in."""
    out = tmp_path_factory.mktemp("honest") / "run"
    assert _run(out, []).status == 0
    return out


@pytest.fixture(scope="module")
def honest(trained: Path) -> pd.DataFrame:
    """What the undefended row is without any bad plug-in."""
    return _samples(trained)


def _run(out: Path, names: Sequence[str]) -> Ended:
    tables: dict[str, list[str]] = {"defense": [], "attack": [], "detector": []}
    for name in names:
        prefix = "robustness." if KINDS[name] == "attack" else ""
        only = '\ndefenses = ["none"]' if KINDS[name] == "attack" else ""
        tables[KINDS[name]].append(f"[{prefix}{KINDS[name]}.{name}]{only}")
    suite = out.parent / "fuzzed.toml"
    suite.write_text(SUITE.format(**{f"{kind}s": "\n".join(lines) for kind, lines in tables.items()}))
    arguments = ["run", "--suite", str(suite), "--out", str(out), "--step-timeout", str(TIMEOUT)]
    arguments += ["--plugin", str(bad_plugins.__file__), "--batch-size", "8", "--device", "cpu"]
    before = {entry for entry in out.parent.iterdir() if entry != out}
    pid = os.fork()
    if not pid:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(out.parent / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
        status = 99
        try:
            status = main(arguments)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    deadline = time.monotonic() + 60 + 30 * (1 + len(names))
    while not (ended := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.05)
    if not ended[0]:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    left = {entry for entry in out.parent.iterdir() if entry.name not in (out.name, "stdout", "stderr")} - before
    assert not left, "files beside the run folder"
    cells = Store(out).manifest().cells if (out / "manifest.json").is_file() else ()
    return Ended(
        os.waitstatus_to_exitcode(ended[1]) if ended[0] else None,
        (out.parent / "stdout").read_bytes(),
        (out.parent / "stderr").read_bytes(),
        _samples(out),
        {" ".join((c.defense, c.attack, c.detector)): c.reason for c in cells if c.status == "error"},
    )


def _samples(out: Path) -> pd.DataFrame:
    every = pd.read_parquet(out / "samples.parquet")
    own = (every["defense"] == "none") & every["attack"].isin(["clean", "fgsm", "bim"])
    return every[own & every["detector"].isin(["none", "kd"])].reset_index(drop=True)


def _check(ended: Ended, names: Sequence[str], honest: pd.DataFrame) -> None:
    assert ended.status in (0, 1), (ended.status, ended.stderr[-2000:])
    assert (ended.status == 1) == bool(ended.errors)
    for written in (ended.stdout, ended.stderr):
        assert b"Traceback" not in written, written[-3000:]
        assert b"\x1b" not in written
        assert len(written) < 200_000 + 10_000 * len(names)
    assert b"flood" not in ended.stdout
    assert b"nonsense" not in ended.stdout
    pd.testing.assert_frame_equal(ended.samples, honest)
    strays = [cell for cell in ended.errors if not any(name in cell.split() for name in names)]
    assert not strays, {cell: ended.errors[cell] for cell in strays}
    for name in names:
        if name.endswith(FATAL):
            reasons = [reason for cell, reason in ended.errors.items() if name in cell.split()]
            assert reasons, f"{name} is not in error"
            assert all(0 < len(reason) < 10_000 for reason in reasons)


def _slow(name: str) -> bool:
    return name.endswith(HANGING)


def _sixty() -> list[str]:
    """Sixty of all kinds, every misdeed about once, in a fixed order; two that hang."""
    names = sorted(KINDS)
    random.Random(3).shuffle(names)
    quick = [name for name in names if not _slow(name)]
    chosen: dict[str, str] = {}
    for name in quick:
        chosen.setdefault(name.split("-", 2)[2], name)
    return sorted([*list(chosen.values())[:58], "defense-purify-sleeps", "defense-fit-stops-itself"])


def test_sixty_kinds_of_bad_plug_ins_in_one_run(trained: Path, honest: pd.DataFrame, tmp_path: Path) -> None:
    names = _sixty()
    fresh.serving()
    _check(_run(tmp_path / "run", names), names, honest)


@pytest.mark.skipif("not config.getoption('--fuzz-minutes')")
def test_any_of_all_kinds_in_any_order(trained: Path, honest: pd.DataFrame, tmp_path: Path, fuzz: Fuzz) -> None:
    number = iter(range(10**9))

    def trial(names: list[str]) -> None:
        folder = tmp_path / str(next(number))
        folder.mkdir()
        _check(_run(folder / "run", names), names, honest)

    fuzz(trial, st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8, unique=True), trials=10**6)
