"""Images that a table lists, with their labels, patients, splits and subgroups."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Len, MinLen

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.core.plain_file import is_file, is_folder
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import DataMissingError, Dataset, check_shape
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.folders import ImageFile
from benchmark.datasets.reading.given_splits import three_splits
from benchmark.datasets.reading.label_order import check_order, label_order
from benchmark.datasets.reading.near_names import near
from benchmark.datasets.reading.patients import UNKNOWN
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.table_rows import Row, check_rows
from benchmark.datasets.reading.tables import read_columns
from benchmark.datasets.reading.usable import read_usable
from benchmark.datasets.reading.window import bounds

NOT_SAID = "not said"
"""The value of a subgroup where the table has none."""

MOST_VALUES = 50
_PATIENT, _SPLIT = "patient", "split"

_ClassName = Annotated[str, Free("a label")]
_Column = Annotated[str, Free("a column")]
_Bound = Annotated[float, Free("in stored units, the lower one first")]


class ImageTable(Dataset):
    """Your own images as a CSV or Parquet file lists them: a row an image, with file, label and whatever else is known.

    A split column says train, val or test; of these test is enough. Without train, half of val, or 20 % of test, is
    what defenses and detectors are fitted to; of test alone another 10 % are validation. Without a split column 20 % of
    each class are for evaluation and 10 % for validation. In a split that is made here the images of one patient stay
    together, and so do copies of an image where patients are not known; the choice goes by names, so it is the same on
    every run.

    Args:
        path: The table, absolute or within the data root.
        folder: What files are relative to, itself relative to the table's folder.
        file: Column of the image files.
        label: Column of the classes' names, or of their numbers.
        patient: Column of the patients; by default "patient", if the table has it.
        split: Column of the splits; by default "split", if the table has it.
        subgroups: Columns by whose values robust accuracy is shown, such as "sex" or "age_band"; each has 50 values or
            fewer.
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
        channels: 1 for grayscale, 3 for colour.
        classes: All labels in the order of your network's classes. By default in that of their numbers, or the
            alphabet's.
        positive: For two classes, the label that becomes label 1; by default the last of `classes`.
        window, on_error: As for `image-folder`, of images alone: rows that cannot be used are always told.
    """

    name = "image-table"
    source = "a table of the user"

    def __init__(
        self,
        *,
        path: Annotated[str, Free("a CSV or Parquet file")],
        folder: Annotated[str, Free("a folder")] = "",
        file: _Column = "file",
        label: _Column = "label",
        patient: _Column = "",
        split: _Column = "",
        subgroups: Annotated[list[_Column], MinLen(1)] | None = None,
        size: ImageSide = 64,
        channels: Literal[1, 3] = 1,
        classes: Annotated[list[_ClassName], MinLen(2)] | None = None,
        positive: _ClassName = "",
        window: Annotated[list[_Bound], Len(2, 2)] | None = None,
        on_error: Literal["stop", "skip"] = "stop",
    ) -> None:
        self.path = path
        # A data set in a fixed place states it for the whole class under this name.
        self.folder = folder  # type: ignore[misc]
        self.file = file
        self.label = label
        self.patient = patient
        self.split = split
        self.subgroups = subgroups
        self.size = size
        self.channels = channels
        self.classes = classes
        self.positive = positive
        self.window = window
        self.on_error = on_error

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, channels, size, size], with subgroups of the evaluation images; see `Dataset.load`."""
        del download
        check_shape(self.size, self.channels, where=f"dataset {self.name}")
        path = self.locate(root=data_root(root))
        rows, patients, splits = self._rows(path)
        check_rows(rows, classes=self.classes, patients=bool(patients), splits=bool(splits), table=path)
        self._check_subgroups(rows, path)
        classes, notes = label_order(
            _in_order({row.label for row in rows}),
            self.classes,
            self.positive,
            called="label",
            where=str(path),
            remedy="give rows of two classes or more",
        )
        by_split = {split: [row for row in rows if row.split == split] for split in {row.split: None for row in rows}}
        if splits and "test" not in by_split:
            raise UserError(f"no row has {splits} = 'test'", where=str(path), remedy="say which images are judged")
        number = {name: label for label, name in enumerate(classes)}
        listed = [
            [ImageFile(row.path, number[row.label], row.file, row.patient) for row in own] for own in by_split.values()
        ]
        read, of_files = read_usable(
            *listed,
            size=self.size,
            channels=self.channels,
            window=bounds(self.window),
            skip=self.on_error == "skip",
        )
        train, validation, evaluation, made = three_splits(dict(zip(by_split, read, strict=True)), where=str(path))
        known = {patient for images in read for patient in images.groups or ()}
        whose = f"{len(known):,} patients (column {patients!r}); none is in two splits"
        data = assemble(
            self,
            title=f"{path.stem} {self.size}×{self.size}",
            classes=classes,
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=[
                *notes,
                *made,
                whose if patients else f"{UNKNOWN}; set patient to the column that tells it",
                *of_files,
            ],
            where=str(path),
        )
        of_image = {row.file: row.subgroups for row in rows}
        columns = zip(*(of_image[name] for name in evaluation.ids), strict=True)
        return replace(data, subgroups=dict(zip(self.subgroups or (), columns, strict=False)))

    def image_files(self, *, root: Path | None) -> dict[str, Path]:
        rows, _, _ = self._rows(self.locate(root=data_root(root)))
        return {row.file: row.path for row in rows}

    def locate(self, *, root: Path) -> Path:
        """The table; raises DataMissingError when it is not there."""
        path = (root / os.path.expanduser(str(self.path))).absolute()
        if not is_file(path):
            beside = [child.name for child in path.parent.iterdir()] if is_folder(path.parent) else []
            raise DataMissingError("no such file", where=str(path), remedy=near(path, beside) + self.where(root=root))
        return path

    def where(self, *, root: Path) -> str:
        """The table and its columns."""
        path = root / self.path
        return f"put a table there: {path}, whose columns {self.file} and {self.label} hold a row for each image"

    def check_settings(self) -> None:
        check_order(self.classes, self.positive)
        bounds(self.window)
        named = [name for name in (self.file, self.label, self.patient, self.split, *(self.subgroups or ())) if name]
        if not (self.file and self.label):
            raise UserError("file and label must name columns", remedy="leave them out where they are so called")
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"column {twice!r} is named twice", remedy="name each once")

    def _rows(self, path: Path) -> tuple[list[Row], str, str]:
        """(rows, the column of the patients, that of the splits), each empty where there is none."""
        kept = self.subgroups or []
        needed = [name for name in (self.file, self.label, self.patient, self.split, *kept) if name]
        found = read_columns(path, needed, [_PATIENT] * (not self.patient) + [_SPLIT] * (not self.split))
        patients, splits = (
            name if name in found.values else "" for name in (self.patient or _PATIENT, self.split or _SPLIT)
        )
        folder = path.parent / os.path.expanduser(self.folder)
        if not is_folder(folder):
            raise UserError("no such folder", where=str(folder), remedy="set folder, which is beside the table")
        nothing = [""] * len(found.lines)
        rows = [
            Row(line, file, folder / file, label, patient, split, tuple(value or NOT_SAID for value in values))
            for line, file, label, patient, split, *values in zip(
                found.lines,
                found.values[self.file],
                found.values[self.label],
                found.values.get(patients, nothing),
                found.values.get(splits, nothing),
                *(found.values[name] for name in kept),
                strict=True,
            )
        ]
        return rows, patients, splits

    def _check_subgroups(self, rows: Sequence[Row], path: Path) -> None:
        for number, column in enumerate(self.subgroups or ()):
            count = len({row.subgroups[number] for row in rows})
            if count > MOST_VALUES:
                raise UserError(
                    f"subgroup {column!r} has {count:,} values, and no more than {MOST_VALUES} are told apart",
                    where=str(path),
                    remedy="give bands, such as 40-59, instead of numbers",
                )


def _in_order(labels: set[str]) -> list[str]:
    """By number where all are numbers, so that 10 comes after 9."""
    if all(label.isascii() and label.isdecimal() for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)
