"""Any directory of images that is sorted into one folder a class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Len, MinLen

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.plain_file import is_folder
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import DataMissingError, Dataset, check_shape
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.folders import ImageFile, list_images, subfolders
from benchmark.datasets.reading.given_splits import three_splits
from benchmark.datasets.reading.label_order import check_order, label_order
from benchmark.datasets.reading.near_names import near
from benchmark.datasets.reading.patients import FOLDER, UNKNOWN, patient_rule
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.usable import read_usable
from benchmark.datasets.reading.window import bounds

_ClassName = Annotated[str, Free("a class folder")]
_Bound = Annotated[float, Free("in stored units, the lower one first")]


class ImageFolder(Dataset):
    """Your own images: PATH/train/CLASS, PATH/test/CLASS and optionally PATH/val/CLASS, or PATH/CLASS.

    Without split folders, 20 % of each class are for evaluation and 10 % for validation; with train and test only,
    10 % of each class of train become validation. Without train, half of val, or 20 % of test, is what defenses and
    detectors are fitted to; of test alone another 10 % are validation. In a split that is made here the images of one
    patient stay together, and so do copies of an image where patients are not known; the choice goes by names, so it
    is the same on every run.

    Args:
        path: The folder, absolute or within the data root.
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
        channels: 1 for grayscale, 3 for colour.
        classes: The class folders in label order, as your network knows them; others are left out. By default all, in
            alphabetical order.
        positive: For two classes, the folder that gets label 1; by default the last of `classes`.
        disease: Another word for `positive`.
        patient: "folder" where CLASS/PATIENT/ holds the images, "dicom" for a hash of the patient ID in DICOM files, or
            a regular expression for file names, whose first group is the patient; none where patients are not known.
        window: What is shown as black and as white of grayscale of more than 8 bits, in stored units, and of DICOM,
            after rescale slope and intercept; by default what DICOM files say themselves, else all that bits can hold.
        on_error: "skip" leaves out images that cannot be read, and the board says how many; "stop" names them all.
    """

    name = "image-folder"
    source = "a folder of the user"

    def __init__(
        self,
        *,
        path: Annotated[str, Free("a folder")],
        size: ImageSide = 64,
        channels: Literal[1, 3] = 1,
        classes: Annotated[list[_ClassName], MinLen(2)] | None = None,
        positive: _ClassName = "",
        disease: _ClassName = "",
        patient: Annotated[str, Free('"folder", "dicom", or a regular expression')] = "",
        window: Annotated[list[_Bound], Len(2, 2)] | None = None,
        on_error: Literal["stop", "skip"] = "stop",
    ) -> None:
        self.path = path
        self.size = size
        self.channels = channels
        self.classes = classes
        self.positive = positive
        self.disease = disease
        self.patient = patient
        self.window = window
        self.on_error = on_error

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, channels, size, size]; see `Dataset.load`. Never downloads."""
        del download
        check_shape(self.size, self.channels, where=f"dataset {self.name}")
        path = self.locate(root=data_root(root))
        splits = _splits(path)
        classes, notes = self._classes(path / splits[0])
        listed = [self._list(path, classes, split) for split in splits]
        read, of_files = read_usable(
            *listed, size=self.size, channels=self.channels, window=bounds(self.window), skip=self.on_error == "skip"
        )
        train, validation, evaluation, made = three_splits(dict(zip(splits, read, strict=True)), where=str(path))
        return assemble(
            self,
            title=f"{path.resolve().name} {self.size}×{self.size}",
            classes=classes,
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=[*notes, *made, self._of_patients(read), *of_files],
            where=str(path),
        )

    def image_files(self, *, root: Path | None) -> dict[str, Path]:
        path = self.locate(root=data_root(root))
        splits = _splits(path)
        classes, _ = self._classes(path / splits[0])
        return {file.id: file.path for split in splits for file in self._list(path, classes, split)}

    def locate(self, *, root: Path) -> Path:
        """The folder; raises DataMissingError when it is not there."""
        path = root / os.path.expanduser(str(self.path))
        if not is_folder(path):
            beside = subfolders(path.parent) if is_folder(path.parent) else []
            raise DataMissingError("no such folder", where=str(path), remedy=near(path, beside) + self.where(root=root))
        return path

    def where(self, *, root: Path) -> str:
        """The two layouts."""
        path = root / str(self.path)
        return f"put images into {path}/train/CLASS and {path}/test/CLASS (and val/CLASS), or into {path}/CLASS"

    def check_settings(self) -> None:
        patient_rule(self.patient, where=f"dataset {self.name}")
        bounds(self.window)
        if self.positive and self.disease:
            raise UserError("positive and disease are both set", remedy="set one of them")
        check_order(self.classes, self.positive or self.disease)

    def _classes(self, folder: Path) -> tuple[list[str], list[str]]:
        return label_order(
            subfolders(folder),
            self.classes,
            self.positive or self.disease,
            key="positive" if self.positive else "disease",
            called="class folder",
            where=str(folder),
            remedy="sort the images into one folder a class",
        )

    def _list(self, path: Path, classes: list[str], split: str) -> list[ImageFile]:
        extra = [name for name in subfolders(path / split) if name not in classes] if is_folder(path / split) else []
        if extra and not self.classes:
            raise UserError(
                f"class folder {extra[0]!r} has no like in {_splits(path)[0]}",
                where=str(path / split),
                remedy="add or remove it",
            )
        rule = patient_rule(self.patient, where=f"dataset {self.name}")
        nested = self.patient == FOLDER
        return list_images(path / split, classes, prefix=split or "all", patient=rule, nested=nested)

    def _of_patients(self, read: list[LabeledImages]) -> str:
        known = [images.groups for images in read if images.groups is not None]
        if len(known) == len(read):
            return f"{len(set().union(*known)):,} patients (patient = {self.patient!r}); none is in two splits"
        return f"{UNKNOWN}; set patient where file names or folders tell it"


def _splits(path: Path) -> list[str]:
    """The split folders that there are, and test; "" alone where there is none."""
    found = [name for name in ("train", "test", "val") if is_folder(path / name)]
    if not found:
        return [""]
    return found if "test" in found else [found[0], "test", *found[1:]]
