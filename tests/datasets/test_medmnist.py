"""MedMNIST files: the published layout, and everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import medmnist
import numpy as np
import pytest

from benchmark.core.errors import UserError
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.medmnist import BloodMNIST, BreastMNIST, PneumoniaMNIST
from benchmark.datasets.reading.npz import md5_of


@pytest.fixture
def pneumonia_file(tmp_path, arrays):
    np.savez(tmp_path / "pneumoniamnist.npz", **arrays())
    return tmp_path


def rewrite(folder: Path, arrays, **changes):
    np.savez(folder / "pneumoniamnist.npz", **{**arrays(), **changes})
    return PneumoniaMNIST()


def test_reads_pixels_and_labels_as_stored(pneumonia_file, arrays):
    data = PneumoniaMNIST().load(root=pneumonia_file, download=False)
    stored = arrays()
    for split, images in (("train", data.train), ("val", data.validation), ("test", data.evaluation)):
        assert np.array_equal(images.pixels[:, 0].numpy(), stored[f"{split}_images"])
        assert np.array_equal(images.labels.numpy(), stored[f"{split}_labels"][:, 0])
        assert images.ids[3] == f"{split}/00003"
    assert data.classes == ("normal", "pneumonia")
    assert data.title == "PneumoniaMNIST 28×28"


def test_color_images_become_channels_first(tmp_path, arrays):
    stored = arrays(count=16, size=64, channels=3, classes=8)
    np.savez(tmp_path / "bloodmnist_64.npz", **stored)
    data = BloodMNIST(size=64).load(root=tmp_path, download=False)
    assert data.train.shape == (3, 64, 64)
    assert np.array_equal(data.train.pixels.numpy(), stored["train_images"].transpose(0, 3, 1, 2))


def test_disease_gets_label_one_where_the_published_file_has_it_at_zero(tmp_path, arrays):
    stored = arrays()
    np.savez(tmp_path / "breastmnist.npz", **stored)
    data = BreastMNIST().load(root=tmp_path, download=False)
    assert data.classes == ("normal, benign", "malignant")
    assert np.array_equal(data.evaluation.labels.numpy(), 1 - stored["test_labels"][:, 0].astype(int))
    assert any("swapped" in note for note in data.notes)


def test_file_that_is_not_the_published_one_is_marked(pneumonia_file):
    dataset = PneumoniaMNIST()
    notes = dataset.load(root=pneumonia_file, download=False).notes
    assert any(
        note.startswith("unofficial file (MD5 ") and "28209eda62fecd6e6a2d98b1501bb15f" in note for note in notes
    )
    assert any("4708" in note for note in notes)
    assert dataset.official(root=pneumonia_file) is False


def test_fingerprint_stays_on_reload_and_changes_with_one_pixel_or_label(tmp_path, arrays):
    def fingerprint(**changes):
        return rewrite(tmp_path, arrays, **changes).load(root=tmp_path, download=False).fingerprint()

    stored = arrays()
    pixels, labels = stored["test_images"].copy(), stored["test_labels"].copy()
    pixels[5, 13, 7] ^= 1
    labels[5] = 1 - labels[5]
    original = fingerprint()
    assert fingerprint() == original
    assert len({original, fingerprint(test_images=pixels), fingerprint(test_labels=labels)}) == 3


def test_missing_file_says_which_file_to_put_where(tmp_path):
    with pytest.raises(DataMissingError) as caught:
        PneumoniaMNIST(size=128).load(root=tmp_path, download=False)
    assert caught.value.where == str(tmp_path / "pneumoniamnist_128.npz")
    assert "pneumoniamnist_128.npz" in caught.value.remedy
    assert str(tmp_path) in caught.value.remedy


@pytest.mark.parametrize("size", [0, 32, "28", 28.0, None, True])
def test_size_that_is_not_published_is_refused(tmp_path, size):
    with pytest.raises(UserError, match="28, 64, 128, 224"):
        PneumoniaMNIST(size=size).load(root=tmp_path, download=False)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.999])
def test_truncated_file(pneumonia_file, keep):
    path = pneumonia_file / "pneumoniamnist.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(UserError, match="truncated or damaged") as caught:
        PneumoniaMNIST().load(root=pneumonia_file, download=False)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_pickled_objects_are_never_loaded(tmp_path, arrays):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    trapped = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "pneumoniamnist.npz", **{**arrays(), "train_labels": trapped})
    with pytest.raises(UserError, match="truncated or damaged"):
        PneumoniaMNIST().load(root=tmp_path, download=False)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_images": np.zeros((12, 28, 27), np.uint8)}, r"val.*images are uint8 \[12, 28, 27\]"),
        ({"val_images": np.zeros((12, 28, 28), np.float32)}, "images are float32"),
        ({"val_images": np.zeros((12, 28, 28, 3), np.uint8)}, r"\[12, 28, 28, 3\]"),
        ({"val_images": np.uint8(3)}, "images are uint8"),
        ({"test_labels": np.zeros((12, 1), np.float64)}, "labels are float64"),
        ({"test_labels": np.zeros((12, 14), np.uint8)}, r"labels are uint8 \[12, 14\]"),
        ({"test_labels": np.zeros((11, 1), np.uint8)}, r"not integers \[12, 1\]"),
        ({"test_labels": np.full((12, 1), 2, np.uint8)}, "label 2 is outside 0 … 1"),
        ({"test_labels": np.full((12, 1), -1, np.int64)}, "label -1 is outside"),
        ({"test_labels": np.full((12, 1), 2**64 - 1, np.uint64)}, "label 18446744073709551615 is outside"),
        ({"test_labels": np.zeros((12, 1), np.uint8)}, "'pneumonia' has no image in the evaluation split"),
        (
            {"train_images": np.zeros((0, 28, 28), np.uint8), "train_labels": np.zeros((0, 1), np.uint8)},
            "has no image in the train split",
        ),
    ],
)
def test_wrong_contents_are_named(tmp_path, arrays, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        rewrite(tmp_path, arrays, **changes).load(root=tmp_path, download=False)
    assert "pneumoniamnist.npz" in caught.value.where
    assert caught.value.remedy


def test_missing_array_is_named(tmp_path, arrays):
    stored = arrays()
    del stored["val_labels"]
    np.savez(tmp_path / "pneumoniamnist.npz", **stored)
    with pytest.raises(UserError, match="lacks the array 'val_labels'"):
        PneumoniaMNIST().load(root=tmp_path, download=False)


def test_folder_or_single_array_in_place_of_the_file(tmp_path):
    path = tmp_path / "pneumoniamnist.npz"
    path.mkdir()
    with pytest.raises(UserError, match="is a folder, not a file"):
        PneumoniaMNIST().load(root=tmp_path, download=False)
    path.rmdir()
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match="no \\.npz file"):
        PneumoniaMNIST().load(root=tmp_path, download=False)


SOURCES = {
    "test": ["person1_virus_6.jpeg", "IM-0001-0001.jpeg", "person2_bacteria_9.jpeg", "IM-0003-0001.jpeg"],
    "val": ["person3_virus_1.jpeg", "NORMAL2-IM-0001-0002.jpeg", "IM-0005-0001.jpeg", "person4_virus_1.jpeg"],
    "train": ["person3_virus_2.jpeg", "IM-0007-0001.jpeg", "person1_virus_7.jpeg", "person8_virus_1.jpeg"],
}


def write_table(folder: Path, arrays, monkeypatch, *, header="split,index,image_id", edit=lambda rows: rows) -> None:
    """A small file that is taken for the published one, and the table of its sources."""
    stored = arrays(count=4)
    for split in SOURCES:
        stored[f"{split}_labels"] = np.array([[0] if "IM" in name else [1] for name in SOURCES[split]], np.uint8)
    np.savez(folder / "pneumoniamnist.npz", **stored)
    published = md5_of(folder / "pneumoniamnist.npz", most=2**20)
    monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "MD5", published)
    rows = [f"{split},{index},{name}" for split, names in SOURCES.items() for index, name in enumerate(names)]
    (folder / "pneumoniamnist.csv").write_text("\n".join([header, *edit(rows)]) + "\n")


def test_patients_of_the_source_file_names_are_kept_apart(tmp_path, arrays, monkeypatch):
    write_table(tmp_path, arrays, monkeypatch, edit=lambda rows: rows[::-1])
    data = PneumoniaMNIST().load(root=tmp_path, download=False)
    assert data.evaluation.groups == ("person1", "IM-0001", "person2", "IM-0003")
    assert data.validation.groups == ("person3", "IM-0005", "person4")
    assert data.train.groups == ("IM-0007", "person8")
    assert data.train.ids == ("train/00001", "train/00003")
    assert np.array_equal(data.train.pixels[:, 0].numpy(), arrays(count=4)["train_images"][[1, 3]])
    assert "9 patients, by the source file names in pneumoniamnist.csv" in data.notes
    assert "2 train images of patients of another split were left out" in data.notes


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda rows: rows[1:], "does not name 1 images"),
        (lambda rows: [*rows, rows[0]], "named before"),
        (lambda rows: [*rows[:-1], "train,9,person1_virus_6.jpeg"], "names no image"),
        (lambda rows: [*rows[:-1], "extra,3,person1_virus_6.jpeg"], "names no image"),
        (lambda rows: [*rows[:-1], "train"], "names no image"),
    ],
)
def test_a_table_that_does_not_fit_the_file_is_refused(tmp_path, arrays, monkeypatch, edit, said):
    write_table(tmp_path, arrays, monkeypatch, edit=edit)
    with pytest.raises(UserError, match=said):
        PneumoniaMNIST().load(root=tmp_path, download=False)


def test_a_table_of_another_kind_or_for_another_file_is_not_used_and_that_is_said(tmp_path, arrays, monkeypatch):
    write_table(tmp_path, arrays, monkeypatch, header="train,train_0_1.png,1")
    data = PneumoniaMNIST().load(root=tmp_path, download=False)
    assert data.train.groups is None
    assert any("names no source images" in note for note in data.notes)
    write_table(tmp_path, arrays, monkeypatch)
    monkeypatch.undo()
    data = PneumoniaMNIST().load(root=tmp_path, download=False)
    assert data.train.groups is None
    assert "pneumoniamnist.csv is not used, since it numbers the images of the published file" in data.notes
