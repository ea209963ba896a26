"""The APTOS 2019 retinal photographs."""

from __future__ import annotations

import csv
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.plain_file import is_file, is_folder, open_plain
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import DataMissingError, Dataset, whole_number
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.decode import Box, decode
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.splitting import VALIDATION_SHARE, split_off

if TYPE_CHECKING:
    from PIL.Image import Image

_GRADES = {str(grade): grade for grade in range(5)}
_EVALUATION_SHARE = 0.2
_DARK = 10
_CSV_BYTES = 2**26


class APTOS2019(Dataset):
    """Retinal fundus photographs, diabetic retinopathy or none (APTOS 2019; grades 1 to 4 are merged into one class).

    Only `train.csv` and `train_images` are read, since the competition's test labels are not public. As in Yao et al.
    2021 (HFC), 80 % of the images are for training and 20 % for evaluation; ours are stratified by grade and the same
    on every run. Validation is 10 % of the training images. Copies of an image stay in one split; no patient ids are
    published. The black border around the retina is cropped away before resizing.

    Args:
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
    """

    name = "aptos2019"
    source = "APTOS 2019 Blindness Detection, Kaggle; split after Yao et al. 2021, MICCAI, section 3"
    folder = "aptos2019"
    positive_class = "diabetic retinopathy"

    def __init__(self, *, size: ImageSide = 64) -> None:
        self.size = size

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, 3, size, size] with two classes; see `Dataset.load`. Never downloads."""
        del download
        size = whole_number(self.size, name="size", low=8, high=1024, where=f"dataset {self.name}")
        path = self.locate(root=data_root(root))
        grades = read_grades(path / "train.csv")
        files = _image_files(path / "train_images", list(grades))
        images = LabeledImages(
            pixels=decode(files, size=size, channels=3, crop=retina_box),
            labels=torch.tensor([int(grade > 0) for grade in grades.values()], dtype=torch.int64),
            ids=tuple(f"train_images/{file.name}" for file in files),
        )
        by_id = dict(zip(images.ids, grades.values(), strict=True))
        training, evaluation = split_off(
            images, _EVALUATION_SHARE, purpose="evaluation", strata=list(grades.values()), where=str(path)
        )
        train, validation = split_off(
            training, VALIDATION_SHARE, purpose="validation", strata=[by_id[i] for i in training.ids], where=str(path)
        )
        return assemble(
            self,
            title=f"APTOS 2019 {size}×{size}",
            classes=("no diabetic retinopathy", self.positive_class),
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=[
                "grades 1 to 4 are merged into one class",
                f"no published split: {_EVALUATION_SHARE:.0%} of each grade is for evaluation and "
                f"{VALIDATION_SHARE:.0%} of the rest for validation",
            ],
            where=str(path),
        )

    def where(self, *, root: Path) -> str:
        """The files, and where they come from."""
        return (
            f"unpack https://www.kaggle.com/competitions/aptos2019-blindness-detection/data so that "
            f"{root / self.folder} holds train.csv (id_code, diagnosis) and train_images/*.png"
        )


def read_grades(path: Path) -> dict[str, int]:
    """`id_code` → `diagnosis` (0 to 4), sorted by id.

    Raises:
        DataMissingError: The file is not there.
        UserError: It is no CSV file, lacks a column, names an image twice, or has a grade that is not 0 to 4.
    """
    if not is_file(path):
        raise DataMissingError("no such file", where=str(path), remedy="put the competition's train.csv there")
    grades: dict[str, int] = {}
    remedy = "replace it with the competition's train.csv"
    try:
        with open_plain(path, most=_CSV_BYTES) as content:
            file = TextIOWrapper(content, encoding="utf-8-sig", newline="")
            rows = csv.DictReader(file)
            for column in ("id_code", "diagnosis"):
                if column not in (rows.fieldnames or ()):
                    raise UserError(f"has no column {column!r}", where=str(path), remedy=remedy)
            for row in rows:
                where = f"{path}:{rows.line_num}"
                name, grade = row["id_code"], (row["diagnosis"] or "").strip()
                if not name:
                    raise UserError("a row has no id_code", where=where, remedy=remedy)
                if grade not in _GRADES:
                    raise UserError(f"diagnosis {grade!r} is not 0, 1, 2, 3 or 4", where=where, remedy=remedy)
                if name in grades:
                    raise UserError(f"id_code {name!r} stands in it twice", where=where, remedy=remedy)
                grades[name] = _GRADES[grade]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"is not a readable CSV file ({error})", where=str(path), remedy=remedy) from error
    if not grades:
        raise UserError("names no images", where=str(path), remedy=remedy)
    return dict(sorted(grades.items()))


def retina_box(image: Image) -> Box | None:
    """The bounding box of what is brighter than the black border; None for an image that is dark throughout."""
    return image.convert("L").point(lambda value: 255 * (value > _DARK)).getbbox()


def _image_files(folder: Path, names: list[str]) -> list[Path]:
    if not is_folder(folder):
        raise DataMissingError(
            "no such folder", where=str(folder), remedy="unpack the competition's train_images there"
        )
    try:
        present = {child.name for child in folder.iterdir()}
    except OSError as error:
        raise UserError(f"cannot be listed ({error})", where=str(folder), remedy="put the images there") from error
    missing = [f"{name}.png" for name in names if f"{name}.png" not in present]
    if missing:
        raise UserError(
            f"train.csv names {len(missing):,} images that are not there, the first {missing[0]!r}",
            where=str(folder),
            remedy="unpack all of train_images, or remove their rows from train.csv",
        )
    return [folder / f"{name}.png" for name in names]
