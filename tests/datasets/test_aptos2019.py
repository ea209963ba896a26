"""APTOS 2019 in miniature."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.aptos2019 import APTOS2019
from benchmark.datasets.base import DataMissingError


@pytest.fixture
def folder(tmp_path, draw_image):
    """100 images, 20 of each grade."""
    base = tmp_path / "aptos2019"
    rows = ["id_code,diagnosis"]
    for number in range(100):
        draw_image(base / "train_images" / f"img{number:03d}.png", number, mode="RGB")
        rows.append(f"img{number:03d},{number % 5}")
    (base / "train.csv").write_text("\n".join(rows) + "\n")
    return base


def test_grades_are_merged_and_each_is_split_in_the_same_shares(folder):
    data = APTOS2019(size=16).load(root=folder.parent)
    assert data.train.shape == (3, 16, 16)
    assert [len(s) for s in (data.train, data.validation, data.evaluation)] == [70, 10, 20]
    for split, each in ((data.train, 14), (data.validation, 2), (data.evaluation, 4)):
        grades = [int(name[-7:-4]) % 5 for name in split.ids]
        assert [grades.count(grade) for grade in range(5)] == [each] * 5
        assert [int(grade > 0) for grade in grades] == split.labels.tolist()


def test_order_of_rows_does_not_matter(folder):
    before = APTOS2019(size=16).load(root=folder.parent)
    header, *rows = (folder / "train.csv").read_text().splitlines()
    (folder / "train.csv").write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert APTOS2019(size=16).load(root=folder.parent).fingerprint() == before.fingerprint()


def test_black_border_is_cropped_away(folder):
    pixels = np.zeros((60, 90, 3), np.uint8)
    pixels[20:40, 30:60] = 200
    Image.fromarray(pixels).save(folder / "train_images" / "img000.png")
    data = APTOS2019(size=16).load(root=folder.parent)
    split = next(s for s in (data.train, data.validation, data.evaluation) if "train_images/img000.png" in s.ids)
    assert (split.pixels[split.ids.index("train_images/img000.png")] == 200).all()


def test_image_that_is_dark_throughout_is_kept_whole(folder):
    Image.fromarray(np.full((20, 30, 3), 3, np.uint8)).save(folder / "train_images" / "img000.png")
    assert APTOS2019(size=16).load(root=folder.parent)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'id_code'"),
        ("id_code,grade\nimg000,1\n", "no column 'diagnosis'"),
        ("id_code,diagnosis\n", "names no images"),
        ("id_code,diagnosis\nimg000,5\n", "diagnosis '5' is not 0, 1, 2, 3 or 4"),
        ("id_code,diagnosis\nimg000,1.0\n", "diagnosis '1.0'"),
        ("id_code,diagnosis\nimg000\n", "diagnosis '' is not"),
        ("id_code,diagnosis\n,1\n", "no id_code"),
        ("id_code,diagnosis\nimg000,1\nimg000,0\n", "'img000' stands in it twice"),
        (
            "id_code,diagnosis\nimg000,1\nnowhere,0\n../train,0\n",
            "2 images that are not there, the first '../train.png'",
        ),
    ],
)
def test_wrong_csv_is_named(folder, text, message):
    (folder / "train.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        APTOS2019(size=16).load(root=folder.parent)
    assert str(folder) in caught.value.where
    assert caught.value.remedy


def test_missing_parts(folder, tmp_path):
    (folder / "train_images").rename(folder / "images")
    with pytest.raises(DataMissingError, match="train_images"):
        APTOS2019().load(root=tmp_path)
    (folder / "train.csv").unlink()
    with pytest.raises(DataMissingError, match=r"train\.csv"):
        APTOS2019().load(root=tmp_path)
