"""The contract of a data set."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.core.plain_file import kind
from benchmark.core.plugin import Plugin


class DataMissingError(UserError):
    """No data where they were looked for, and none could be downloaded.

    The only error for which the drawn phantom may stand in: data that are there but broken are never passed over.
    """


class Dataset(Plugin):
    """Labelled images in three splits that share no patient.

    A subclass implements `load`; `benchmark.datasets.reading.assemble.assemble` makes its result and checks it.

    Class attributes:
        phantom: The images are drawn by a program and say nothing about patients.
        folder: The file or folder that is looked for under the data root.
        positive_class: For two classes, the name of the disease; it gets label 1.
    """

    kind = "dataset"
    phantom: ClassVar[bool] = False
    folder: ClassVar[str] = ""
    positive_class: ClassVar[str] = ""

    @abstractmethod
    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """Read the images.

        Args:
            root: The data root; None for the one in force (see `benchmark.datasets.reading.root.data_root`).
            download: Whether a missing file may be fetched, where the data set can be.

        Raises:
            DataMissingError: There is nothing to read.
            UserError: What there is cannot be read, or is not what it should be.
        """
        raise NotImplementedError

    def image_files(self, *, root: Path | None) -> dict[str, Path]:
        """The file of each image by the image's id, those that cannot be read included; empty where they have none."""
        del root
        return {}

    def where(self, *, root: Path) -> str:
        """What the user must put where."""
        return f"put {self.folder} into {root}"

    def locate(self, *, root: Path) -> Path:
        """The file or folder to read; raises DataMissingError when it is not there."""
        path = root / self.folder
        if not kind(path):
            raise DataMissingError("no such file or folder", where=str(path), remedy=self.where(root=root))
        return path

    def official(self, *, root: Path) -> bool | None:
        """Whether the file is the published one; None where no checksum is published."""
        del root
        return None


def whole_number(value: object, *, name: str, low: int, high: int, where: str) -> int:
    """`value` as it is; raises UserError unless it is an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(
            f"{name} = {value!r} is not a whole number from {low} to {high}", where=where, remedy=f"set {name}"
        )
    return value


def check_shape(size: object, channels: object, *, where: str) -> None:
    """Raise UserError unless images of this side, 8 to 1,024, and this many channels, 1 or 3, can be made."""
    whole_number(size, name="size", low=8, high=1024, where=where)
    if channels not in (1, 3):
        raise UserError(f"channels = {channels!r} is neither 1 nor 3", where=where, remedy="set channels")
