"""`data`."""

from __future__ import annotations

import numpy as np

from benchmark.core.plugin import registered


def test_where_names_every_data_set_and_the_root(medrobust, tmp_path):
    answer = medrobust("data", "where", "--data-root", tmp_path / "absent")
    assert answer.status == 0
    assert answer.out.startswith(f"data root: {tmp_path / 'absent'} (no such folder)\n")
    assert all(f"  {name}: " in answer.out for name in registered("dataset"))
    assert "put pneumoniamnist.npz" in answer.out


def test_an_empty_root_is_no_error(medrobust, tmp_path):
    answer = medrobust("data", "check", "--data-root", tmp_path)
    assert answer.status == 0
    assert "pneumoniamnist: not there\n" in answer.out
    assert "chest-phantom: fine\n" in answer.out


def test_data_that_cannot_be_used_are_status_2_and_the_others_still_checked(medrobust, tmp_path):
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"PK\x03\x04 not an archive")
    answer = medrobust("data", "check", "--data-root", tmp_path)
    assert answer.status == 2
    assert "pneumoniamnist: cannot be used\n" in answer.out
    assert str(tmp_path / "pneumoniamnist.npz") in answer.out
    assert "remedy: " in answer.out
    assert "retinamnist: not there\n" in answer.out
    assert answer.err == ""


def test_counts_and_notes_are_shown(medrobust, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 10), ("val", 4), ("test", 6)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays)
    out = medrobust("data", "check", "--data-root", tmp_path).out
    assert "pneumoniamnist: fine, not the published file\n  train: 5 normal, 5 pneumonia\n" in out
    assert "note: unofficial file" in out
