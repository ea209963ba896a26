"""What the two-dimensional, single-label MedMNIST data sets share."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.plain_file import is_file
from benchmark.datasets.base import DataMissingError, Dataset
from benchmark.datasets.kaggle_chest_xray import numbered, patient_of
from benchmark.datasets.reading.apart import without_patients_of_later_splits
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.download import fetch
from benchmark.datasets.reading.medmnist_sources import source_names
from benchmark.datasets.reading.npz import Header, md5_of, read_arrays
from benchmark.datasets.reading.root import data_root

SIZES = (28, 64, 128, 224)
_MORE = 4
"""A file that is not the published one may hold so many times as many images."""

_SPLITS = {"train": "train", "validation": "val", "evaluation": "test"}


class MedMNIST(Dataset):
    """A MedMNIST v2 data set (Yang et al. 2023, "MedMNIST v2"), with its published splits.

    The checksum, address, class names and counts are those of the `medmnist` package. No patient ids are published.

    Args:
        size: Height and width: 28, 64, 128 or 224; each is a file of its own, none is made from another.

    Class attributes:
        flag: The data set's name in `medmnist.INFO`.
    """

    source = "Yang et al. 2023, MedMNIST v2, Scientific Data 10:41"
    flag: ClassVar[str] = ""

    def __init__(self, *, size: Literal[28, 64, 128, 224] = 28) -> None:
        self.size: int = size

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """The published splits: uint8 [N, 1 or 3, size, size]; see `Dataset.load`."""
        root = data_root(root)
        path = self.locate(root=root, download=download)
        info, remedy = self._info(), f"delete it, then {self.where(root=root)}"
        keys = [f"{s}_{kind}" for s in _SPLITS.values() for kind in ("images", "labels")]
        check = partial(self._check_headers, where=str(path), remedy=remedy)
        arrays = read_arrays(path, keys, most=self._most_bytes(), check=check, remedy=remedy)
        classes = [info["label"][str(k)] for k in range(len(info["label"]))]
        order = self._order(classes)
        splits = {}
        for name, published in _SPLITS.items():
            pixels = _pixels(arrays.pop(f"{published}_images"))
            labels = _labels(arrays[f"{published}_labels"], len(classes), f"{path}[{published}]", remedy)
            ids = tuple(f"{published}/{number:05d}" for number in range(len(pixels)))
            splits[name] = LabeledImages(pixels, torch.tensor(order).argsort()[labels], ids)
        notes = self._notes(path, {_SPLITS[name]: len(images) for name, images in splits.items()}, order, classes)
        splits, of_patients = self._with_patients(splits, root)
        return assemble(
            self,
            title=f"{info['python_class']} {self.size}×{self.size}",
            classes=[classes[k] for k in order],
            notes=[*notes, *of_patients],
            where=str(path),
            **splits,
        )

    def where(self, *, root: Path) -> str:
        """The one file to put into `root`, and its address."""
        info = self._info()
        size = self.size if self.size in SIZES else SIZES[0]
        return f"put {self._file(size)} ({info[f'url{_suffix(size)}']}) into {root}, or allow the network"

    def locate(self, *, root: Path, download: bool = False) -> Path:
        """The .npz file, fetched first where it is missing and `download` allows; raises DataMissingError."""
        if type(self.size) is not int or self.size not in SIZES:
            raise UserError(
                f"size {self.size!r} is not published",
                where=f"dataset {self.name}",
                remedy="choose " + ", ".join(map(str, SIZES)),
            )
        path = root / self._file(self.size)
        if is_file(path):
            return path
        if not download:
            raise DataMissingError("no such file", where=str(path), remedy=self.where(root=root))
        fetch(
            self._info()[f"url{_suffix(self.size)}"],
            path,
            digest=self._published(),
            algorithm="md5",
            most=self._most_bytes(),
            remedy=self.where(root=root),
        )
        return path

    def official(self, *, root: Path) -> bool | None:
        """Whether the file has the published MD5."""
        return md5_of(self.locate(root=root), most=self._most_bytes()) == self._published()

    def _with_patients(
        self, splits: dict[str, LabeledImages], root: Path
    ) -> tuple[dict[str, LabeledImages], list[str]]:
        """The splits with whose images they are, where that can be told, and notes on it."""
        del root
        return splits, []

    def _file(self, size: int) -> str:
        return f"{self.flag}{_suffix(size)}.npz"

    def _published(self) -> str:
        return str(self._info()[f"MD5{_suffix(self.size)}"])

    def _info(self) -> dict[str, Any]:
        from medmnist import INFO

        return dict(INFO[self.flag])

    def _most_images(self) -> int:
        return _MORE * sum(self._info()["n_samples"].values())

    def _most_bytes(self) -> int:
        return self._most_images() * self.size**2 * int(self._info()["n_channels"]) + 2**20

    def _check_headers(self, headers: dict[str, Header], *, where: str, remedy: str) -> None:
        """Refuse what is not the layout, or many times as much as is published, before anything is unpacked."""
        channels = self._info()["n_channels"]
        for published in _SPLITS.values():
            images, labels = headers[f"{published}_images"], headers[f"{published}_labels"]
            _check_pixels(images, self.size, channels, f"{where}[{published}]", remedy)
            if images.shape[0] > self._most_images():
                raise UserError(
                    f"holds {images.shape[0]:,} images, and more than {self._most_images():,} are not unpacked",
                    where=f"{where}[{published}]",
                    remedy=remedy,
                )
            _check_labels(labels, images.shape[0], f"{where}[{published}]", remedy)

    def _order(self, classes: list[str]) -> list[int]:
        """The published labels in the order in which we number them: the disease last of two."""
        swapped = len(classes) == 2 and self.positive_class == classes[0]
        return [1, 0] if swapped else list(range(len(classes)))

    def _notes(self, path: Path, counts: dict[str, int], order: list[int], classes: list[str]) -> list[str]:
        notes = []
        found, published = md5_of(path, most=self._most_bytes()), self._published()
        if found != published:
            notes.append(f"unofficial file (MD5 {found}, published {published})")
        expected = self._info()["n_samples"]
        if counts != expected:
            notes.append(f"{counts} images, where {expected} are published")
        if order != sorted(order):
            notes.append(f"labels are swapped against the published file, so that 1 is {classes[order[1]]!r}")
        return notes


class BloodMNIST(MedMNIST):
    """Blood cells under the microscope, eight types (MedMNIST v2, from Acevedo et al. 2020)."""

    name = flag = "bloodmnist"


class BreastMNIST(MedMNIST):
    """Breast ultrasound, normal or benign against malignant (MedMNIST v2, from Al-Dhabyani et al. 2020)."""

    name = flag = "breastmnist"
    positive_class = "malignant"


class DermaMNIST(MedMNIST):
    """Dermatoscopic images of pigmented skin lesions, seven types (MedMNIST v2, from HAM10000)."""

    name = flag = "dermamnist"


class OCTMNIST(MedMNIST):
    """Retinal optical coherence tomography, three diseases and normal (MedMNIST v2, from Kermany et al. 2018)."""

    name = flag = "octmnist"


class OrganAMNIST(MedMNIST):
    """Axial slices of abdominal CT, eleven organs (MedMNIST v2, from LiTS)."""

    name = flag = "organamnist"


class PneumoniaMNIST(MedMNIST):
    """Chest radiographs of children, normal or pneumonia (MedMNIST v2, from Kermany et al. 2018).

    Where the authors' table of source images lies beside the published file as pneumoniamnist.csv (columns split,
    index, image_id), patients are those of the source's file names, as `KaggleChestXray` reads them. The published
    validation images were drawn without regard to patients, so training images of patients of validation or test are
    then left out, and validation images of those of test.

    Args:
        size: Height and width: 28, 64, 128 or 224; each is a file of its own, none is made from another.
    """

    name = flag = "pneumoniamnist"
    positive_class = "pneumonia"

    def _with_patients(
        self, splits: dict[str, LabeledImages], root: Path
    ) -> tuple[dict[str, LabeledImages], list[str]]:
        table = root / f"{self.flag}.csv"
        if not is_file(table):
            return splits, []
        if not self.official(root=root):
            return splits, [f"{table.name} is not used, since it numbers the images of the published file"]
        sources = source_names(table, {_SPLITS[name]: len(images) for name, images in splits.items()})
        if sources is None or not any(numbered(source) for names in sources.values() for source in names):
            return splits, [f"{table.name} is not used, since it names no source images with patient numbers"]
        known = {
            name: replace(images, groups=tuple(map(patient_of, sources[_SPLITS[name]])))
            for name, images in splits.items()
        }
        kept, notes = without_patients_of_later_splits(known)
        many = len({group for images in known.values() for group in images.groups or ()})
        return kept, [f"{many:,} patients, by the source file names in {table.name}", *notes]


class RetinaMNIST(MedMNIST):
    """Retinal fundus photographs, five grades of diabetic retinopathy (MedMNIST v2, from DeepDRiD)."""

    name = flag = "retinamnist"


def _suffix(size: int) -> str:
    return "" if size == SIZES[0] else f"_{size}"


def _check_pixels(images: Header, size: int, channels: int, where: str, remedy: str) -> None:
    expected = (size, size) if channels == 1 else (size, size, channels)
    if images.dtype != np.uint8 or images.shape[1:] != expected or len(images.shape) != len(expected) + 1:
        raise UserError(
            f"images are {images.dtype} {list(images.shape)}, not uint8 [N, {', '.join(map(str, expected))}]",
            where=where,
            remedy=remedy,
        )


def _check_labels(labels: Header, count: int, where: str, remedy: str) -> None:
    if labels.dtype.kind not in "iu" or labels.shape not in ((count, 1), (count,)):
        raise UserError(
            f"labels are {labels.dtype} {list(labels.shape)}, not integers [{count}, 1]", where=where, remedy=remedy
        )


def _pixels(images: NDArray[Any]) -> torch.Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    return pixels[:, None] if images.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()


def _labels(labels: NDArray[Any], classes: int, where: str, remedy: str) -> torch.Tensor:
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        raise UserError(f"label {labels[outside][0]} is outside 0 … {classes - 1}", where=where, remedy=remedy)
    return torch.from_numpy(labels.reshape(-1).astype(np.int64))
