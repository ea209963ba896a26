"""The Kaggle chest X-ray folder in miniature."""

from __future__ import annotations

import pytest

from benchmark.core.errors import UserError
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.kaggle_chest_xray import KaggleChestXray, patient_of


@pytest.fixture
def folder(tmp_path, draw_image):
    """20 patients a class in train, two images each; 6 a class in test; one of each class in both."""
    seed = 0
    for split, numbers in (("train", range(1, 21)), ("test", range(20, 26))):
        for number in numbers:
            for image in (1, 2):
                seed += 2
                base = tmp_path / "chest_xray" / split
                draw_image(base / "NORMAL" / f"IM-{number:04d}-000{image}.jpeg", seed)
                draw_image(base / "PNEUMONIA" / f"person{number}_virus_{seed}.jpeg", seed + 1)
    return tmp_path / "chest_xray"


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person1000_bacteria_2931.jpeg", "person1000"),
        ("person1000_virus_2931_1.jpeg", "person1000"),
        ("IM-0115-0001.jpeg", "IM-0115"),
        ("NORMAL2-IM-0115-0001.jpeg", "IM-0115"),
        ("NORMAL2-IM-1152-0001-0002.jpeg", "IM-1152"),
        ("BACTERIA-1008087-0001.jpeg", "1008087"),
        ("scan.of.someone.jpeg", "scan.of.someone"),
    ],
)
def test_patient_is_read_from_the_file_name(name, patient):
    assert patient_of(name) == patient


def test_patients_of_test_are_left_out_of_train_and_no_patient_is_in_two_splits(folder):
    data = KaggleChestXray(size=16).load(root=folder.parent)
    splits = [data.train, data.validation, data.evaluation]
    groups = [set(s.groups) for s in splits]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert [len(s) for s in splits] == [2 * (38 - 4), 2 * 4, 2 * 12]
    assert any("4 training images (2 NORMAL, 2 PNEUMONIA) of 2 patient numbers" in note for note in data.notes)
    for split in splits:
        assert split.shape == (1, 16, 16)
        assert [int("/PNEUMONIA/" in name) for name in split.ids] == split.labels.tolist()


def test_val_folder_is_merged_into_train(folder, draw_image):
    before = KaggleChestXray(size=16).load(root=folder.parent)
    draw_image(folder / "val" / "NORMAL" / "NORMAL2-IM-0900-0001.jpeg", 901)
    draw_image(folder / "val" / "PNEUMONIA" / "person901_bacteria_1.jpeg", 902)
    after = KaggleChestXray(size=16).load(root=folder.parent)
    added = set(after.train.ids + after.validation.ids) - set(before.train.ids + before.validation.ids)
    assert added == {"val/NORMAL/NORMAL2-IM-0900-0001.jpeg", "val/PNEUMONIA/person901_bacteria_1.jpeg"}


def test_archive_debris_is_no_image(folder):
    ids = KaggleChestXray(size=16).load(root=folder.parent).train.ids
    (folder / "train" / "NORMAL" / "._IM-0001-0001.jpeg").write_bytes(b"debris")
    (folder / "train" / "NORMAL" / ".DS_Store").write_bytes(b"debris")
    assert KaggleChestXray(size=16).load(root=folder.parent).train.ids == ids


def test_copies_across_splits_are_reported(folder):
    source = next((folder / "test" / "NORMAL").iterdir())
    (folder / "train" / "NORMAL" / "IM-0700-0001.jpeg").write_bytes(source.read_bytes())
    notes = KaggleChestXray(size=16).load(root=folder.parent).notes
    assert any(note.startswith("1 image stands in both ") and note.endswith(" and evaluation") for note in notes)


def test_missing_and_empty_folders(folder, tmp_path):
    with pytest.raises(DataMissingError, match="NORMAL and PNEUMONIA"):
        KaggleChestXray().load(root=tmp_path / "elsewhere")
    for image in (folder / "test" / "NORMAL").iterdir():
        image.unlink()
    with pytest.raises(UserError, match="no images") as caught:
        KaggleChestXray().load(root=tmp_path)
    assert caught.value.where == str(folder / "test" / "NORMAL")
    (folder / "test" / "NORMAL").rmdir()
    with pytest.raises(DataMissingError, match="no such folder"):
        KaggleChestXray().load(root=tmp_path)


def test_size_must_be_a_number(folder):
    with pytest.raises(UserError, match="size = '64'"):
        KaggleChestXray(size="64").load(root=folder.parent)
