"""Which data a run gets, and when the phantom may stand in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.loading.check import check, placements
from benchmark.datasets.loading.resolve import resolve_data
from benchmark.datasets.reading.root import data_root


@pytest.fixture(autouse=True)
def plugins(monkeypatch):
    load_plugins(kinds=["dataset"])
    # Nobody listens there, so that no test asks the network.
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


def resolve(choice: str, root: Path, *, settings=None, fallback: bool = True, dataset: str = "pneumoniamnist"):
    return resolve_data(
        choice, dataset=dataset, settings=settings or {}, root=root, fallback_phantom=fallback, where="suite.toml"
    )


def test_auto_falls_back_to_a_phantom_of_the_same_size_and_says_so_first(tmp_path):
    data = resolve("auto", tmp_path, settings={"size": 20}, dataset="kaggle-chest-xray")
    assert data.phantom
    assert data.train.shape == (1, 20, 20)
    assert data.notes[0].startswith("NO REAL DATA")
    assert str(tmp_path / "chest_xray") in data.notes[0]


@pytest.mark.parametrize(
    ("choice", "fallback"), [("pneumoniamnist", True), ("kaggle-chest-xray", True), ("auto", False)]
)
def test_named_data_and_profiles_without_fallback_never_fall_back(tmp_path, choice, fallback):
    with pytest.raises(DataMissingError, match=str(tmp_path)):
        resolve(choice, tmp_path, fallback=fallback)


def test_broken_data_are_an_error_even_where_a_phantom_may_stand_in(tmp_path):
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"broken")
    with pytest.raises(UserError, match="truncated or damaged"):
        resolve("auto", tmp_path)


def test_real_data_are_taken_where_they_are(tmp_path, arrays):
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays())
    data = resolve("auto", tmp_path)
    assert data.name == "pneumoniamnist"
    assert not data.phantom


def test_chosen_data_take_the_size_of_the_suite_and_nothing_else(tmp_path, arrays):
    np.savez(tmp_path / "breastmnist_64.npz", **arrays(size=64))
    data = resolve("breastmnist", tmp_path, settings={"size": 64, "disease": "x"}, dataset="image-folder")
    assert data.title == "BreastMNIST 64×64"


def test_unknown_names_and_settings(tmp_path):
    with pytest.raises(UserError, match="did you mean 'pneumoniamnist'"):
        resolve("pneumonia-mnist", tmp_path)
    with pytest.raises(UserError, match="no setting 'sise'"):
        resolve("auto", tmp_path, settings={"sise": 28})


def test_root_is_the_given_one_then_the_variable_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDROBUST_DATA", str(tmp_path / "variable"))
    assert data_root(tmp_path / "given") == tmp_path / "given"
    assert data_root() == tmp_path / "variable"
    monkeypatch.setenv("MEDROBUST_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root().name == "medrobust"


def test_check_tells_found_from_missing_from_broken(tmp_path, arrays):
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays())
    (tmp_path / "octmnist.npz").write_bytes(b"broken")
    states = {status.name: status for status in check(tmp_path)}
    assert states["pneumoniamnist"].found
    assert states["pneumoniamnist"].official is False
    assert dict(states["pneumoniamnist"].counts)["evaluation"] == (6, 6)
    assert states["octmnist"].found
    assert "damaged" in states["octmnist"].problem
    assert not states["aptos2019"].found
    assert str(tmp_path / "aptos2019") in states["aptos2019"].problem
    assert not states["image-folder"].found
    assert states["chest-phantom"].found


def test_placements_name_every_data_set_and_the_root(tmp_path):
    texts = dict(placements(tmp_path))
    assert {"pneumoniamnist", "kaggle-chest-xray", "brain-tumor-mri", "aptos2019", "image-folder"} <= set(texts)
    assert all(str(tmp_path) in text for name, text in texts.items() if name != "chest-phantom")


def test_no_phantom_stands_in_for_a_folder_that_the_user_named(tmp_path):
    (tmp_path / "polyps").mkdir()
    with pytest.raises(DataMissingError, match="no such folder") as caught:
        resolve("auto", tmp_path, dataset="image-folder", settings={"path": "polips"})
    assert caught.value.remedy.startswith(f"did you mean {str(tmp_path / 'polyps')!r}?")
