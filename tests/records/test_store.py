from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from benchmark.core.errors import UserError
from benchmark.core.keys import key_of
from benchmark.records.sealed_json import sealed, unsealed
from benchmark.records.serialising import UnsaveableError
from benchmark.records.step_folder import DamagedError, StepRecord
from benchmark.records.store import Store


def record(number: int = 1, **results: Any) -> StepRecord:
    spec = {"n": number, "limit": float("inf"), "by number": {10: "x", 9: "y"}}
    return StepRecord(
        kind="attack",
        label="x",
        key=key_of("attack", spec),
        spec=spec,
        results=results or {"a": 1.5},
        seconds=0.1,
        device="cpu",
        finished="now",
    )


KEY = record().key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two finished steps."""
    store = Store(tmp_path)
    for number in (1, 2):
        tensors = {"x": torch.arange(6.0).view(2, 3) + number}
        store.save(record(number), tensors, pd.DataFrame({"robust": [True, False, number == 1]}))
    return store


def test_what_is_saved_comes_back(store: Store) -> None:
    assert store.has(KEY)
    assert store.record(KEY).results == {"a": 1.5}
    assert store.record(KEY).spec["limit"] == float("inf")
    assert torch.equal(store.tensors(KEY)["x"], torch.arange(6.0).view(2, 3) + 1)
    assert store.samples(KEY)["robust"].tolist() == [True, False, True]


def test_two_runners_finishing_one_step_leave_one_result(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Store(tmp_path).save(record(), {"x": torch.zeros(100, 100)}), range(32)))
    assert [p.name for p in (tmp_path / "steps").iterdir()] == [KEY]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def edited(path: Path, **changes: Any) -> None:
    """As somebody would who knows the format and not that it is sealed."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=1))


def resealed(path: Path, **changes: Any) -> None:
    path.write_bytes(sealed(unsealed(path.read_bytes()) | changes))


def swapped(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}.elsewhere"))
    path.symlink_to(f"{path.name}.elsewhere")


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "an outcome edited": lambda step, _: pd.DataFrame({"robust": [True, True, True]}).to_parquet(
        step / "samples.parquet", index=False
    ),
    "a bit of the outcomes": lambda step, _: flip(step / "samples.parquet", 30),
    "a bit of the weights": lambda step, _: flip(step / "tensors.safetensors", -1),
    "a bit of the results": lambda step, _: flip(step / "record.json", 80),
    "a bit of the seal": lambda step, _: flip(step / "record.json", -9),
    "results edited": lambda step, _: edited(step / "record.json", results={"a": 2.5}),
    "results edited and sealed, spec too": lambda step, _: resealed(step / "record.json", spec={"n": 7}),
    "key replaced": lambda step, _: resealed(step / "record.json", key="attack-9"),
    "written by an earlier version": lambda step, _: (step / "record.json").write_text(
        json.dumps({"kind": "attack", "key": KEY, "results": {}})
    ),
    "no record": lambda step, _: (step / "record.json").write_bytes(sealed({"kind": "attack"})),
    "folders swapped": swapped,
    "samples swapped": lambda step, other: swapped(step / "samples.parquet", other / "samples.parquet"),
    "records swapped": lambda step, other: swapped(step / "record.json", other / "record.json"),
    "truncated": lambda step, _: os.truncate(step / "tensors.safetensors", 40),
    "emptied": lambda step, _: os.truncate(step / "record.json", 0),
    "one deleted": lambda step, _: (step / "tensors.safetensors").unlink(),
    "all deleted": lambda step, _: [file.unlink() for file in step.iterdir()],
    "one added": lambda step, _: (step / "weights.pt").write_bytes(b"x"),
    "a folder added": lambda step, _: (step / "more").mkdir(),
    "a pipe for the record": lambda step, _: piped(step / "record.json"),
    "a pipe for the weights": lambda step, _: piped(step / "tensors.safetensors"),
    "a link for a file": lambda step, _: linked(step / "samples.parquet"),
    "a link for the step": lambda step, _: linked(step),
    "a link to nowhere": lambda step, _: (shutil.rmtree(step), step.symlink_to("nowhere")),
    "a file for the step": lambda step, _: (shutil.rmtree(step), step.write_text("x")),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_step_is_named_never_read_and_gives_way(what: str, store: Store) -> None:
    other = record(2).key
    DAMAGES[what](store.root / "steps" / KEY, store.root / "steps" / other)
    assert not store.has(KEY)
    fault = store.fault(KEY)
    assert fault is not None
    assert KEY in fault.where
    assert fault.problem
    assert "run the command that made it again" in fault.remedy
    readers = {"samples.parquet": store.samples, "tensors.safetensors": store.tensors}
    with pytest.raises(DamagedError):
        readers.get(Path(fault.where).name, store.record)(KEY)
    store.save(record(), {"x": torch.zeros(3)}, pd.DataFrame({"robust": [True]}))
    assert store.has(KEY)
    assert store.samples(KEY)["robust"].tolist() == [True]
    assert not [p.name for p in (store.root / "steps").iterdir() if p.name.startswith(".")]


def test_a_file_that_changes_after_it_was_read_is_noticed(store: Store) -> None:
    tensors = store.root / "steps" / KEY / "tensors.safetensors"
    for _ in range(20):
        assert store.has(KEY)
        before = tensors.stat()
        flip(tensors, -1)
        os.utime(tensors, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not store.has(KEY)
        flip(tensors, -1)


WEIGHTS: dict[str, dict[Any, Any]] = {
    "a number": {"a": 3},
    "a name that is a number": {3: torch.zeros(2)},
    "a name that safetensors keeps for itself": {"__metadata__": torch.zeros(2)},
    "nothing": {"a": None},
    "sparse": {"a": torch.eye(3).to_sparse()},
    "complex": {"a": torch.zeros(2, dtype=torch.complex128)},
    "nowhere": {"a": torch.zeros(2, device="meta")},
}


@pytest.mark.parametrize("what", WEIGHTS)
def test_what_no_file_can_hold_is_told_from_a_disk_that_is_full(what: str, tmp_path: Path) -> None:
    with pytest.raises(UnsaveableError, match=repr(next(iter(WEIGHTS[what])))):
        Store(tmp_path).save(record(), WEIGHTS[what])
    assert list(tmp_path.iterdir()) == []


def test_records_and_results_that_no_file_can_hold(tmp_path: Path) -> None:
    for results, samples in (({"a": object()}, None), ({"a": 1}, pd.DataFrame({"a": [object(), 3]}))):
        with pytest.raises(UnsaveableError):
            Store(tmp_path).save(record(**results), None, samples)
    assert list(tmp_path.iterdir()) == []


def test_tied_weights_are_saved(tmp_path: Path) -> None:
    shared, store = torch.arange(4.0), Store(tmp_path)
    store.save(record(), {"encoder": shared, "decoder": shared, "part": shared[1:], "other way": shared.view(2, 2).T})
    back = store.tensors(KEY)
    assert torch.equal(back["encoder"], back["decoder"])
    assert torch.equal(back["part"], shared[1:])
    assert torch.equal(back["other way"], shared.view(2, 2).T)


def test_a_folder_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        Store(tmp_path).manifest()
