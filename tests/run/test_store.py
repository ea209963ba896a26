from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmark.errors import UserError
from benchmark.store import StepRecord, Store


def record(key: str = "attack-1") -> StepRecord:
    return StepRecord(
        kind="attack", label="x", key=key, spec={}, results={"a": 1.5}, seconds=0.1, device="cpu", finished="now"
    )


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    tensors, samples = {"x": torch.arange(6.0).view(2, 3)}, pd.DataFrame({"robust": [True, False]})
    store.save(record(), tensors, samples)
    assert store.has("attack-1")
    assert store.record("attack-1") == record()
    assert torch.equal(store.tensors("attack-1")["x"], tensors["x"])
    pd.testing.assert_frame_equal(store.samples("attack-1"), samples)


def test_two_runners_finishing_one_step_leave_one_result(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Store(tmp_path).save(record(), {"x": torch.zeros(100, 100)}), range(32)))
    assert [p.name for p in (tmp_path / "steps").iterdir()] == ["attack-1"]


def test_a_step_that_does_not_finish_writing_is_not_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(AttributeError):
        store.save(record(), {"x": None})  # type: ignore[dict-item]
    assert not store.has("attack-1")
    assert list((tmp_path / "steps").iterdir()) == []


@pytest.mark.parametrize("name", ["record.json", "tensors.safetensors", "samples.parquet"])
def test_a_damaged_file_names_itself_and_the_remedy(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(record(), {"x": torch.zeros(3)}, pd.DataFrame({"a": [1]}))
    (tmp_path / "steps" / "attack-1" / name).write_bytes(b"\x80\x04garbage")
    reader = {"record.json": store.record, "tensors.safetensors": store.tensors, "samples.parquet": store.samples}[name]
    with pytest.raises(UserError) as caught:
        reader("attack-1")
    assert name in caught.value.where
    assert "delete" in caught.value.remedy


def test_a_folder_without_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        Store(tmp_path).manifest()
