"""A user's own folder of images, in both layouts."""

from __future__ import annotations

import pytest

from benchmark.core.errors import UserError
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.image_folder import ImageFolder


def fill(draw_image, folder, classes=("benign", "malignant"), count=20, start=0):
    for label, name in enumerate(classes):
        for number in range(count):
            draw_image(folder / name / f"{number:03d}.png", start + 1000 * label + number)


def test_flat_folder_is_split_70_10_20(tmp_path, draw_image):
    fill(draw_image, tmp_path / "mine", ("a", "b", "c"), 50)
    data = ImageFolder(path="mine", size=16).load(root=tmp_path)
    assert [len(s) for s in (data.train, data.validation, data.evaluation)] == [105, 15, 30]
    assert data.classes == ("a", "b", "c")
    assert data.title == "mine 16×16"
    again = ImageFolder(path=str(tmp_path / "mine"), size=16).load(root=None)
    assert again.fingerprint() == data.fingerprint()
    larger = ImageFolder(path="mine", size=24).load(root=tmp_path)
    assert larger.evaluation.ids == data.evaluation.ids


def test_new_images_leave_most_of_the_split_as_it_was(tmp_path, draw_image):
    fill(draw_image, tmp_path / "mine", count=100)
    before = set(ImageFolder(path="mine", size=16).load(root=tmp_path).evaluation.ids)
    draw_image(tmp_path / "mine" / "benign" / "000a.png", 9999)
    after = set(ImageFolder(path="mine", size=16).load(root=tmp_path).evaluation.ids)
    assert len(before - after) <= 1


def test_split_folders_are_kept_as_given(tmp_path, draw_image):
    for start, split in enumerate(("train", "test")):
        fill(draw_image, tmp_path / split, start=5000 * start)
    data = ImageFolder(path=".", size=16, channels=3).load(root=tmp_path)
    assert [len(s) for s in (data.train, data.validation, data.evaluation)] == [36, 4, 40]
    assert data.train.shape == (3, 16, 16)
    fill(draw_image, tmp_path / "val", count=3, start=20000)
    data = ImageFolder(path=".", size=16).load(root=tmp_path)
    assert [len(s) for s in (data.train, data.validation, data.evaluation)] == [40, 6, 40]


def test_disease_of_two_classes_gets_label_one(tmp_path, draw_image):
    fill(draw_image, tmp_path / "mine", ("cancer", "healthy"))
    guessed = ImageFolder(path="mine", size=16).load(root=tmp_path)
    assert any("'healthy', as the last in alphabetical order" in note for note in guessed.notes)
    told = ImageFolder(path="mine", size=16, disease="cancer").load(root=tmp_path)
    assert told.classes == ("healthy", "cancer")
    with pytest.raises(UserError, match="did you mean 'cancer'"):
        ImageFolder(path="mine", disease="cancr").load(root=tmp_path)


def test_what_cannot_be_read_is_named(tmp_path, draw_image):
    with pytest.raises(DataMissingError, match="train/CLASS"):
        ImageFolder(path="nowhere").load(root=tmp_path)
    fill(draw_image, tmp_path / "one", ("only",))
    with pytest.raises(UserError, match="1 class folders"):
        ImageFolder(path="one").load(root=tmp_path)
    fill(draw_image, tmp_path / "uneven" / "train")
    fill(draw_image, tmp_path / "uneven" / "test", ("benign", "malignant", "other"))
    with pytest.raises(UserError, match="'other' has no like in train"):
        ImageFolder(path="uneven").load(root=tmp_path)
    fill(draw_image, tmp_path / "single", count=1)
    with pytest.raises(UserError, match="one patient only"):
        ImageFolder(path="single").load(root=tmp_path)
    fill(draw_image, tmp_path / "mine")
    with pytest.raises(UserError, match="neither 1 nor 3"):
        ImageFolder(path="mine", channels=2).load(root=tmp_path)
