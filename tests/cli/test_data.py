"""`data`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


@pytest.fixture
def folder(tmp_path) -> Path:
    """Train and test of two classes; a copy within train, one across, two sizes, two depths."""
    for start, split in enumerate(("train", "test")):
        for label, name in enumerate(("benign", "malignant")):
            (tmp_path / "mine" / split / name).mkdir(parents=True)
            for number in range(20):
                seed = 1000 * start + 100 * label + number
                pixels = np.random.default_rng(seed).integers(0, 256, (24, 30 + 2 * start), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "mine" / split / name / f"p{number // 2}_{number}.png")
    mine = tmp_path / "mine"
    (mine / "train/benign/p0_1.png").write_bytes((mine / "train/benign/p0_0.png").read_bytes())
    (mine / "test/benign/p0_1.png").write_bytes((mine / "train/benign/p5_10.png").read_bytes())
    Image.fromarray(np.full((24, 32), 9000, np.uint16)).save(mine / "test/malignant/p9_19.png")
    return mine


def test_a_folder_of_ones_own_is_counted_within_80_columns(medrobust, folder, tmp_path):
    sheet = tmp_path / "sheet.png"
    answer = medrobust("data", "check", folder, "--sheet", sheet)
    assert answer.status == 0, answer.err
    lines = answer.out.splitlines()
    assert [line.split() for line in lines if line.startswith(("benign", "malignant", "patients"))] == [
        ["benign", "18", "2", "20"],
        ["malignant", "18", "2", "20"],
        ["patients", "unknown", "unknown", "unknown"],
    ]
    assert "copies across splits: 1 image in both train and evaluation" in lines
    assert "files: 41 of 30 × 24, 8 bits" in lines
    assert "files: 38 of 32 × 24, 8 bits" in lines
    assert "files: 1 of 32 × 24, 16 bits" in lines
    assert "ε is in units of the" in answer.out
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)
    with Image.open(sheet) as page:
        shown = np.asarray(page)
    assert shown.shape[1] == 230 + 8 * 102
    assert shown.shape[0] == 6 + 6 * 102
    # Validation has two images of a class: the third place of its rows is empty, that of train is not.
    assert (shown[6 + 2 * 102 :, 230 + 2 * 102 :][:96, :96] == 255).all()
    assert (shown[6:, 230 + 2 * 102 :][:96, :96] != 255).any()


def test_a_suite_is_checked_with_its_settings_and_as_json(medrobust, folder, tmp_path):
    suite = tmp_path / "my.toml"
    suite.write_text(
        f"""
        [data]
        name = "image-folder"
        path = {json.dumps(str(folder))}
        size = 32
        positive = "benign"
        [classifier]
        name = "small-cnn"
        [robustness.attack.fgsm]
        """
    )
    found = json.loads(medrobust("data", "check", "--suite", suite, "--json").out)
    assert found["classes"] == ["malignant", "benign"]
    assert found["shape"] == [1, 32, 32]
    assert [split["counts"]["benign"] for split in found["splits"]] == [18, 2, 20]
    assert [split["copies"] for split in found["splits"]] == [1, 0, 0]
    assert {"splits": ["train", "evaluation"], "images": 1} in found["shared"]
    assert {"width": 32, "height": 24, "bits": 16, "files": 1} in found["originals"]
    assert len(found["leaks"]) == 1
    suite.write_text(suite.read_text().replace('positive = "benign"', 'patient = "(p[0-9]+)_"'))
    answer = medrobust("data", "check", "--suite", suite, "--json")
    assert answer.status == 2, "patients stand in both splits"
    assert "stand in both train and evaluation" in answer.err


def test_all_files_that_cannot_be_used_are_listed_at_once(medrobust, folder):
    for number in range(30):
        (folder / "test" / "benign" / f"broken{number}.png").write_bytes(b"not an image")
    answer = medrobust("data", "check", folder)
    assert answer.status == 2
    assert all(f"broken{number}.png" in answer.out for number in range(30))
    listed = json.loads(medrobust("data", "check", folder, "--json").out)["unusable"]
    assert len(listed) == 30
    assert "not a readable image" in listed[0]["problem"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "no such folder, nor a data set of that name"),
        (("pneumoniamnst",), "did you mean 'pneumoniamnist'"),
        (("pneumoniamnist",), "no such file"),
        (("--sheet", "sheet.png"), "a contact sheet is of one data set"),
        (("chest-phantom", "--sheet", "my.toml"), "the contact sheet is a PNG file"),
        (("chest-phantom", "--suite", "chest-xray"), "not both"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_words(medrobust, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    answer = medrobust("data", "check", *arguments, "--data-root", tmp_path)
    assert answer.status == 2
    assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_a_data_set_is_checked_by_its_name(medrobust, tmp_path):
    answer = medrobust("data", "check", "chest-phantom", "--data-root", tmp_path)
    assert answer.status == 0
    assert "copies across splits: none" in answer.out


def test_all_data_sets_as_json(medrobust, tmp_path):
    (tmp_path / "pneumoniamnist.npz").write_bytes(b"PK\x03\x04 not an archive")
    answer = medrobust("data", "check", "--json", "--data-root", tmp_path)
    found = {status["name"]: status for status in json.loads(answer.out)["datasets"]}
    assert answer.status == 2
    assert found["pneumoniamnist"]["found"]
    assert not found["retinamnist"]["found"]
    assert found["chest-phantom"]["problem"] == ""
