"""Whole runs on drawn images: what they leave, and that the same run gives the same bytes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from attacks.base import Attack, Stop
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.publish import publish
from tests.records import ended_calls
from tests.run.tiny import TINY

TABLES = ("leaderboard.md", "rows.csv")


def run(suite: Path, out: Path, **request: object) -> Store:
    prepared = prepare(RunRequest(str(suite), out=out, **request))  # type: ignore[arg-type]
    execute(prepared, publish)
    return Store(out)


def tables(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in TABLES]


def command(suite: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "benchmark", "run", "--suite", str(suite), "--out", str(out), *more]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, plugins: None) -> Path:
    """The folder of a run of the tiny suite, which lies beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return run(folder / "tiny.toml", folder / "run").root


def test_a_run_leaves_one_record_per_sample_and_cell(finished: Path) -> None:
    store = Store(finished)
    samples = pd.read_parquet(finished / "samples.parquet")
    required = "defense attack detector sample_id label clean_prediction adversarial_prediction robust linf l2 forwards"
    assert set((required + " backwards detector_score").split()) <= set(samples.columns)
    assert not samples.duplicated(["table", "defense", "attack", "detector", "sample_id"]).any()
    robustness = samples[samples["table"] == "robustness"]
    assert set(robustness.groupby(["defense", "attack"]).size()) == {40}
    wrong = robustness[robustness["clean_prediction"] != robustness["label"]]
    assert not wrong["robust"].any()
    assert (wrong["linf"] == 0).all()
    assert robustness["linf"].max() <= 8 / 255 + 1e-6
    board = read_board(store.root)
    row = next(r for r in board.robustness if r.defense == "none")
    attacks = robustness[(robustness["defense"] == "none")].pivot_table(
        index="sample_id", columns="attack", values="robust"
    )
    assert row.worst is not None
    assert row.worst.value == pytest.approx(float(attacks.all(axis=1).mean()))


def test_batch_size_does_not_matter(suite_file: Callable[..., Path], finished: Path, tmp_path: Path) -> None:
    # The other one took all forty images at once.
    one, other = run(suite_file(), tmp_path / "16", batch_size="16").root, finished
    assert tables(one) == tables(other)
    # Scores are sums whose order depends on the batch and the processor: five digits, and every outcome.
    pd.testing.assert_frame_equal(
        pd.read_parquet(one / "samples.parquet"), pd.read_parquet(other / "samples.parquet"), rtol=1e-4
    )


def test_batch_size_does_not_matter_to_an_energy_model(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    ebm = "[defense.ebm]\niterations = 30\nsteps = 5\nvotes = 3\nlong_run_images = 0\n"
    suite = suite_file(ebm, **{"probes = 4": "eot_samples = 3"})
    selection = Selection(defenses=("ebm",), attacks=("pgd",))
    one, other = (run(suite, tmp_path / n, batch_size=n, selection=selection).root for n in ("16", "128"))
    assert tables(one) == tables(other)


def test_a_limit_keeps_the_random_numbers_of_each_image(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    selection = {"defenses": ("none",), "attacks": ("pgd",)}
    few, many = (run(suite_file(), tmp_path / str(n), selection=Selection(**selection, limit=n)).root for n in (10, 30))
    small, large = (
        pd.read_parquet(p / "samples.parquet").query("attack == 'pgd'").set_index("sample_id") for p in (few, many)
    )
    assert len(small) == 10
    pd.testing.assert_frame_equal(small, large.loc[small.index])


def test_killed_at_random_moments_the_tables_are_the_same(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    suite, whole, killed = suite_file(), tmp_path / "whole", tmp_path / "killed"
    # The first one waits for the process that the others are forked from.
    assert ended_calls.command(["list"], tmp_path / "warm").status == 0
    started = time.monotonic()
    assert ended_calls.command(["run", "--suite", str(suite), "--out", str(whole)], whole).status == 0
    duration = time.monotonic() - started
    moments = random.Random(0)
    again = ["run", "--suite", str(suite), "--out", str(killed)]
    for _ in range(5):
        begun = ended_calls.begin(again, killed)
        time.sleep(moments.uniform(0.1, 0.9) * duration)
        begun.process.kill()
        begun.process.join()
    assert ended_calls.command(again, killed).status == 0
    assert tables(whole) == tables(killed)


def test_a_finished_run_computes_nothing(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished.parent, tmp_path / "copied")
    suite, out = tmp_path / "copied" / "tiny.toml", tmp_path / "copied" / "run"
    tally = execute(prepare(RunRequest(str(suite), out=out)), publish)
    assert not tally.computed
    assert tables(out) == tables(finished)


@pytest.mark.usefixtures("registry")
def test_an_attack_that_raises_is_an_error_and_the_others_go_on(
    suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    class Crashes(Attack):
        name = "crashes-in-tests"

        def run(self, victim: Victim, x: torch.Tensor, noise: Noise, stop: Stop) -> torch.Tensor:
            raise ZeroDivisionError("on purpose")

    store = run(suite_file("[robustness.attack.crashes-in-tests]\n"), tmp_path / "run")
    rows = {r.defense: r for r in read_board(store.root).robustness}
    crashed = next(a for a in rows["none"].attacks if a.attack == "crashes-in-tests")
    assert crashed.status == "error"
    assert "on purpose" in crashed.reason
    assert rows["none"].status == "error"
    assert rows["none"].worst is None
    assert next(a for a in rows["none"].attacks if a.attack == "pgd").robust is not None
    samples = pd.read_parquet(tmp_path / "run" / "samples.parquet")
    assert "crashes-in-tests" not in set(samples["attack"])


@pytest.mark.usefixtures("registry")
def test_an_error_that_is_no_text_ends_nothing(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("on purpose")

    class SaysNothing(Attack):
        name = "says-nothing-in-tests"

        def run(self, victim: Victim, x: torch.Tensor, noise: Noise, stop: Stop) -> torch.Tensor:
            raise UnspeakableError

    class SaysHalf(Attack):
        name = "says-half-in-tests"

        def run(self, victim: Victim, x: torch.Tensor, noise: Noise, stop: Stop) -> torch.Tensor:
            raise ValueError("half a pair \ud800")

    added = "[robustness.attack.says-nothing-in-tests]\n[robustness.attack.says-half-in-tests]\n"
    selection = Selection(defenses=("none",), attacks=("says*", "fgsm"), detectors=())
    store = run(suite_file(added), tmp_path / "run", selection=selection)
    (row,) = read_board(store.root).robustness
    reasons = {a.attack: a.reason for a in row.attacks}
    assert "UnspeakableError" in reasons["says-nothing-in-tests"]
    assert "half a pair ?" in reasons["says-half-in-tests"]
    assert next(a for a in row.attacks if a.attack == "fgsm").status == "done"


def test_exit_codes_of_the_command_line(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    suite = suite_file()
    wrong = subprocess.run(
        command(suite, tmp_path / "x", "--attack", "nothing"), capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
    process = subprocess.Popen(
        command(suite, tmp_path / "y"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job started in the background of a shell hands on that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "train" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
    plugin = tmp_path / "bad.py"
    plugin.write_text(
        "from attacks.base import Attack\n"
        "class Bad(Attack):\n"
        "    '''Raises.'''\n"
        "    name = 'bad-in-tests'\n"
        "    def run(self, victim, x, noise, stop):\n"
        "        raise RuntimeError('on purpose')\n"
    )
    with_bad = suite_file("[robustness.attack.bad-in-tests]\n")
    failed = subprocess.run(
        command(with_bad, tmp_path / "z", "--plugin", str(plugin), "--attack", "bad*", "--attack", "fgsm"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1, failed.stderr
    assert "on purpose" in failed.stdout + failed.stderr
    assert (tmp_path / "z" / "leaderboard.md").is_file()


def test_running_out_of_memory_halves_the_batch() -> None:
    from benchmark.core.batching import BatchSize

    seen = []

    def work(rows: slice) -> list[int]:
        size = rows.stop - rows.start
        seen.append(size)
        if size > 3:
            raise torch.OutOfMemoryError("out of memory")
        return list(range(rows.start, rows.stop))

    batches = BatchSize(16)
    assert [i for part in batches.map(10, work) for i in part] == list(range(10))
    assert seen == [10, 8, 4, 2, 2, 2, 2, 2]
    with pytest.raises(ValueError, match="other"):
        batches.map(4, lambda rows: (_ for _ in ()).throw(ValueError("other")))
