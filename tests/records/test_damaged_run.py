"""What is changed in a finished run is named, never shown as it is, and made up for by the command that made it."""

from __future__ import annotations

import json
import operator
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core.errors import UserError
from benchmark.records.inspection import run_faults, step_faults
from benchmark.records.run_folder import at_work
from benchmark.records.sealed_json import sealed, unsealed
from benchmark.records.store import Store
from leaderboard.board import read_board
from tests.records.conftest import Whole
from tests.records.ended_calls import command
from tests.records.small_run import SUITE, arguments, left


def steps(folder: Path, kind: str) -> list[Path]:
    """Those of a kind; an attack that a row rests on is the first."""
    cells = Store(folder).manifest().cells
    shown = {cell.key for cell in cells if cell.table == "robustness"}
    return sorted((folder / "steps").glob(f"{kind}-*"), key=lambda path: (path.name not in shown, path.name))


def samples(change: Callable[[pd.DataFrame], pd.DataFrame], kind: str = "attack") -> Callable[[Path], None]:
    """The records of a step, changed by somebody who knows the format."""

    def damage(folder: Path) -> None:
        path = steps(folder, kind)[0] / "samples.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return damage


def swapped(kind: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        one, other = steps(folder, kind)[:2]
        aside = folder / "aside"
        one.rename(aside)
        other.rename(one)
        aside.rename(other)

    return damage


def threshold(folder: Path) -> None:
    for path in steps(folder, "fit"):
        record = unsealed((path / "record.json").read_bytes())
        record["results"]["operating_threshold"] = 0.01
        (path / "record.json").write_text(json.dumps(record, indent=1))


SHOWN = {
    "an outcome": samples(lambda frame: frame.assign(robust=True)),
    "a distance": samples(lambda frame: frame.assign(linf=9.0)),
    "no distance": samples(lambda frame: frame.assign(linf=float("nan"))),
    "rows reversed": samples(lambda frame: frame.iloc[::-1]),
    "a row missing": samples(lambda frame: frame.iloc[1:], "clean"),
    "a score of a detector": samples(lambda frame: frame.iloc[::-1], "detect"),
    "attacks swapped": swapped("attack"),
    "clean records swapped": swapped("clean"),
    "a record": lambda folder: (steps(folder, "detect")[0] / "record.json").write_text("{}"),
}


@pytest.mark.parametrize("what", SHOWN)
def test_a_changed_step_is_an_error_of_what_rests_on_it(what: str, whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied()
    SHOWN[what](folder)
    faults = step_faults(Store(folder), Store(folder).manifest())
    assert faults
    assert len(faults) == (2 if "swapped" in what else 1)
    board, published = read_board(folder), read_board(whole.folder)
    assert any(str(Path(fault.where).parent) in line for line in board.failures() for fault in faults)
    for row in board.robustness:
        assert row.status == "error" or row in published.robustness
    for detection in board.detection:
        assert detection.status == "error" or detection in published.detection
    assert board.transfer is not None
    assert published.transfer is not None
    for entry in board.transfer.entries:
        assert entry.status == "error" or entry in published.transfer.entries
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert f"{len(faults)} steps computed" in resumed.output
    assert left(folder) == whole.left


UPSTREAM = {
    "a bit of the weights": lambda folder: [flip(p / "tensors.safetensors") for p in steps(folder, "train")],
    "weights cut short": lambda folder: [os.truncate(p / "tensors.safetensors", 99) for p in steps(folder, "train")],
    "weights deleted": lambda folder: [(p / "tensors.safetensors").unlink() for p in steps(folder, "train")],
    "the operating threshold": threshold,
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("what", UPSTREAM)
def test_nothing_is_computed_on_a_changed_network(what: str, whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("detect-")
    (lacking,) = [path.name for path in steps(whole.folder, "detect")]
    UPSTREAM[what](folder)
    kind = "fit" if what == "the operating threshold" else "train"
    assert {Path(fault.where).parent.name for fault in run_faults(folder)} >= {p.name for p in steps(folder, kind)}
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert left(folder) == whole.left
    assert (folder / "steps" / lacking).is_dir()


def resealed(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """The manifest, as another version could have written it."""

    def damage(folder: Path) -> None:
        manifest = unsealed((folder / "manifest.json").read_bytes())
        change(manifest)
        (folder / "manifest.json").write_bytes(sealed(manifest))

    return damage


MANIFESTS = {
    "a bit": lambda folder: flip(folder / "manifest.json"),
    "cut short": lambda folder: os.truncate(folder / "manifest.json", 500),
    "empty": lambda folder: os.truncate(folder / "manifest.json", 0),
    "not JSON": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"),
    "cells a number": resealed(lambda manifest: manifest.update(cells=3)),
    "a cell a number": resealed(lambda manifest: manifest.update(cells=[3])),
    "no suite": resealed(lambda manifest: manifest.update(suite=None)),
    "a key of nothing": resealed(lambda manifest: manifest["cells"][0].update(key=None)),  # type: ignore[index]
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_damaged_manifest_costs_no_step(what: str, copied: Callable[..., Path]) -> None:
    folder = copied()
    MANIFESTS[what](folder)
    with pytest.raises(UserError) as error:
        read_board(folder)
    assert error.value.where == str(folder / "manifest.json")
    assert "no finished step is computed again" in error.value.remedy
    assert "delete" not in error.value.remedy
    assert error.value.where in [fault.where for fault in run_faults(folder)]


def test_the_command_that_made_it_writes_manifest_and_board_anew(whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("rows.csv")
    flip(folder / "manifest.json")
    flip(folder / "leaderboard.md")
    os.truncate(folder / "samples.parquet", 7)
    leftover = folder / ".leaderboard.md.0123456789abcdef0123456789abcdef"
    leftover.write_text("left by a run that was killed")
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert "0 steps computed" in resumed.output
    assert left(folder) == whole.left


@pytest.mark.parametrize(
    "name",
    [
        "leaderboard.md",
        "leaderboard/robustness.md",
        "rows.csv",
        "survival.csv",
        "samples.parquet",
        "figures/transfer.png",
    ],
)
def test_a_changed_board_is_found(name: str, copied: Callable[..., Path]) -> None:
    folder = copied()
    flip(folder / name)
    assert [(fault.where, fault.problem) for fault in run_faults(folder)] == [
        (str(folder / name), "its content is not what was published")
    ]


@pytest.mark.parametrize("given", ["some.toml", "nothing", "/dev/null"])
def test_what_is_no_run_folder_is_not_to_be_deleted(given: str, tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text(SUITE)
    with pytest.raises(UserError, match="no run here") as error:
        read_board(tmp_path / given)
    assert "delete" not in error.value.remedy


def test_the_board_of_another_suite_is_replaced_only_where_that_is_asked_for(
    whole: Whole, copied: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copied()
    other = tmp_path / "other.toml"
    other.write_text(SUITE.replace('name = "small"', 'name = "other"'))
    changed = ["run", "--suite", str(other), "--out", str(folder)]
    refused = command(changed, folder)
    assert refused.status == 2
    assert f"error: {folder}: holds the board of suite 'small'" in refused.output
    assert left(folder) == whole.left
    forced = command([*changed, "--force"], folder)
    assert forced.status == 0, forced.output
    assert Store(folder).manifest().suite.name == "other"
    assert "0 steps computed" in forced.output


def test_two_runs_in_one_folder_say_so_and_agree(whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("detect-")
    aside = folder / "steps" / ".detect-1.0123456789abcdef0123456789abcdef"
    aside.mkdir()
    with at_work(folder, lambda: None) as others:
        assert not others
        second = command(arguments(folder), folder)
        # It may be what the first is writing.
        assert aside.is_dir()
    assert second.status == 0, second.output
    assert f"note: another run is at work in {folder}" in second.output
    aside.rmdir()
    assert left(folder) == whole.left


@pytest.mark.parametrize(
    ("asked", "status", "call"),
    [
        ("SIGINT", 130, "half written of steps/.detect-"),
        ("SIGTERM", 143, "half written of steps/.detect-"),
        ("SIGTERM", 143, "half written of .leaderboard.md"),
        ("SIGHUP", 129, "half written of steps/.detect-"),
    ],
)
def test_a_run_that_is_asked_to_end_says_so_and_goes_on(
    asked: str, status: int, call: str, whole: Whole, copied: Callable[..., Path]
) -> None:
    folder = copied("detect-")
    at = next(made for made in whole.calls if made.startswith(call))
    ended = command(arguments(folder), folder, kill=partial(operator.eq, at), asked=getattr(signal, asked))
    assert ended.status == status, ended.output
    assert "Traceback" not in ended.output
    last = ended.output.splitlines()[-1]
    assert last == ("interrupted" if asked == "SIGINT" else f"terminated ({asked})")
    assert Store(folder).manifest().status == "interrupted"
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert left(folder) == whole.left
