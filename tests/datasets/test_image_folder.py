"""A user's own folder of images, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.reading.decode import decode

SPLITS = ("train", "validation", "evaluation")


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
    with pytest.raises(UserError, match="one image, or copies of one, only"):
        ImageFolder(path="single").load(root=tmp_path)
    fill(draw_image, tmp_path / "mine")
    with pytest.raises(UserError, match="neither 1 nor 3"):
        ImageFolder(path="mine", channels=2).load(root=tmp_path)


def test_classes_are_in_the_order_that_is_written_and_others_are_left_out(tmp_path, draw_image):
    fill(draw_image, tmp_path / "mine", ("a", "b", "c"))
    data = ImageFolder(path="mine", size=16, classes=["c", "a"]).load(root=tmp_path)
    assert data.classes == ("c", "a")
    assert all(i.split("/")[1] == data.classes[k] for i, k in zip(data.train.ids, data.train.labels, strict=True))
    assert any("left out: b" in note for note in data.notes)
    with pytest.raises(UserError, match="classes names 'd'"):
        ImageFolder(path="mine", classes=["a", "d"]).load(root=tmp_path)
    with pytest.raises(UserError, match="puts 'b' last"):
        ImageFolder.from_settings({"path": "mine", "classes": ["a", "b"], "positive": "a"}, where="data")


def draw_patients(draw_image, folder, name, *, first=0):
    """Ten patients of four images in each of two classes, as `name` calls the files."""
    for label, of_class in enumerate(("benign", "malignant")):
        for number in range(40):
            file = folder / of_class / name.format(patient=f"p{first + label * 10 + number // 4}", number=number)
            draw_image(file, 1000 * (1 + first) + 100 * label + number)


@pytest.mark.parametrize(
    ("name", "patient"), [("{patient}/{number}.png", "folder"), ("{patient}_{number}.png", r"^(p\d+)_")]
)
@pytest.mark.parametrize("split", ["", "test"])
def test_no_patient_is_in_two_splits(tmp_path, draw_image, name, patient, split):
    draw_patients(draw_image, tmp_path / "mine" / split, name)
    data = ImageFolder(path="mine", size=16, patient=patient).load(root=tmp_path)
    groups = [set(getattr(data, split).groups) for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert all(groups)
    assert any("20 patients" in note for note in data.notes)
    unknown = ImageFolder(path="mine", size=16).load(root=tmp_path) if "_" in name else None
    assert unknown is None or any(note.startswith("patients unknown") for note in unknown.notes)


def test_a_patient_in_two_split_folders_is_refused(tmp_path, draw_image):
    draw_patients(draw_image, tmp_path / "train", "{patient}_{number}.png")
    draw_patients(draw_image, tmp_path / "test", "{patient}_{number}.png", first=15)
    with pytest.raises(UserError, match=r"patients, the first 'p15', stand in both train and evaluation"):
        ImageFolder(path=".", size=16, patient="^(.*?)_").load(root=tmp_path)


def test_patients_that_cannot_be_told_are_an_error(tmp_path, draw_image):
    draw_patients(draw_image, tmp_path / "mine", "{patient}/{number}.png")
    with pytest.raises(UserError, match="has no images, but 10 folders") as caught:
        ImageFolder(path="mine").load(root=tmp_path)
    assert 'patient = "folder"' in caught.value.remedy
    draw_patients(draw_image, tmp_path / "flat", "{number}.png")
    with pytest.raises(UserError, match="finds no patient in the file name"):
        ImageFolder(path="flat", patient="(p[0-9]+)_").load(root=tmp_path)
    with pytest.raises(UserError, match="no regular expression"):
        ImageFolder.from_settings({"path": "flat", "patient": "(p"}, where="data")


@pytest.mark.parametrize("splits", [("test",), ("test", "val")])
def test_without_train_evaluation_images_are_of_test_alone_and_no_image_is_in_two_splits(tmp_path, draw_image, splits):
    for start, split in enumerate(splits):
        fill(draw_image, tmp_path / split, start=5000 * start)
    data = ImageFolder(path=".", size=16).load(root=tmp_path)
    expected = [8, 4, 28] if splits == ("test",) else [20, 20, 40]
    assert [len(getattr(data, split)) for split in SPLITS] == expected
    assert {i.split("/")[0] for i in data.evaluation.ids} == {"test"}
    ids = [i for split in SPLITS for i in getattr(data, split).ids]
    assert len(set(ids)) == len(ids)


def test_what_a_class_folder_holds_instead_of_images_is_said(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "scan.nii").write_bytes(b"")
    with pytest.raises(UserError, match=r"no images, but 1 files \(\.nii\)"):
        ImageFolder(path="mine").load(root=tmp_path)


def test_a_window_is_said_in_the_notes_and_an_empty_one_is_refused(tmp_path):
    for label, name in enumerate(("a", "b")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number in range(20):
            stored = np.random.default_rng(100 * label + number).integers(0, 4096, (16, 16), dtype=np.uint16)
            Image.fromarray(stored).save(tmp_path / "mine" / name / f"{number}.png")
    told = ImageFolder.from_settings({"path": "mine", "size": 16, "window": [0, 4080]}, where="data").load(
        root=tmp_path
    )
    assert any("40 images are shown in the window 0 to 4,080 (as set)" in note for note in told.notes)
    assert any("1/255 is 16 of the file" in note for note in told.notes)
    default = ImageFolder(path="mine", size=16).load(root=tmp_path)
    assert any("0 to 65,535 (the full range" in note for note in default.notes)
    assert default.train.pixels.max() <= 16 < told.train.pixels.max()
    for window in ([5, 5], [9, 1], [0, 1, 2], [0], ["a", "b"], [0, float("inf")]):
        with pytest.raises(UserError, match="window"):
            ImageFolder.from_settings({"path": "mine", "window": window}, where="data")


def test_what_cannot_be_read_is_skipped_where_it_is_asked_for_and_counted(tmp_path, draw_image):
    for start, split in enumerate(("train", "test")):
        fill(draw_image, tmp_path / split, start=5000 * start)
    for broken in ("train/benign/003.png", "test/malignant/000.png", "test/malignant/019.png"):
        (tmp_path / broken).write_bytes(b"not an image")
    with pytest.raises(UserError, match="3 of 80 images cannot be used"):
        ImageFolder(path=".", size=16).load(root=tmp_path)
    data = ImageFolder(path=".", size=16, on_error="skip").load(root=tmp_path)
    assert len(data.evaluation) == 38
    assert not {"test/malignant/000.png", "test/malignant/019.png"} & set(data.evaluation.ids)
    for images in (data.train, data.validation, data.evaluation):
        for identity, pixels, label in zip(images.ids, images.pixels, images.labels, strict=True):
            # Every image is still itself, beside its own label and name.
            assert torch.equal(pixels, decode([tmp_path / identity], size=16, channels=1)[0])
            assert identity.split("/")[1] == data.classes[label]
    skipped = (
        '3 of 80 images cannot be read and are left out (on_error = "skip"): 2 of test/malignant, 1 of train/benign'
    )
    assert skipped in data.notes


def test_skipping_everything_is_an_error(tmp_path, draw_image):
    fill(draw_image, tmp_path / "mine", count=3)
    for path in (tmp_path / "mine").rglob("*.png"):
        path.write_bytes(b"not an image")
    with pytest.raises(UserError, match="6 of 6 images cannot be used"):
        ImageFolder(path="mine", size=16, on_error="skip").load(root=tmp_path)
