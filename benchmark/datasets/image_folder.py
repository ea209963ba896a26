"""Any directory of images that is sorted into one folder a class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.images import ImageData
from benchmark.core.plain_file import is_folder
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import DataMissingError, Dataset, whole_number
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.folders import ImageFile, list_images, read_images, subfolders
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.splitting import VALIDATION_SHARE, split_off

_EVALUATION_SHARE = 0.2


class ImageFolder(Dataset):
    """Your own images: PATH/train/CLASS, PATH/test/CLASS and optionally PATH/val/CLASS, or PATH/CLASS.

    Without split folders, 20 % of each class are for evaluation and 10 % for validation; with train and test only,
    10 % of each class of train become validation. Copies of an image stay together in a split that is made here, and
    the choice goes by file names, so it is the same on every run. Patients are not known: where one patient has
    several images, make the split folders yourself.

    Args:
        path: The folder, absolute or within the data root.
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
        channels: 1 for grayscale, 3 for colour.
        disease: For two classes, the folder that gets label 1; by default the last in alphabetical order.
    """

    name = "image-folder"
    source = "a folder of the user"

    def __init__(
        self,
        *,
        path: Annotated[str, Free("a folder")],
        size: ImageSide = 64,
        channels: Literal[1, 3] = 1,
        disease: Annotated[str, Free("a class folder")] = "",
    ) -> None:
        self.path = path
        self.size = size
        self.channels = channels
        self.disease = disease

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, channels, size, size]; see `Dataset.load`. Never downloads."""
        del download
        where = f"dataset {self.name}"
        whole_number(self.size, name="size", low=8, high=1024, where=where)
        if self.channels not in (1, 3):
            raise UserError(f"channels = {self.channels!r} is neither 1 nor 3", where=where, remedy="set channels")
        path = self.locate(root=data_root(root))
        split_folders = is_folder(path / "train")
        splits = self._splits(path) if split_folders else [""]
        classes, notes = self._classes(path / "train" if split_folders else path)
        listed = [self._list(path, classes, split) for split in splits]
        read = dict(zip(splits, read_images(*listed, size=self.size, channels=self.channels), strict=True))
        if split_folders:
            train, evaluation = read["train"], read["test"]
        else:
            train, evaluation = split_off(read[""], _EVALUATION_SHARE, purpose="evaluation", where=str(path))
            notes.append(f"no split folders: {_EVALUATION_SHARE:.0%} of each class is for evaluation")
        if "val" in read:
            validation = read["val"]
        else:
            share = VALIDATION_SHARE if split_folders else VALIDATION_SHARE / (1 - _EVALUATION_SHARE)
            train, validation = split_off(train, share, purpose="validation", where=str(path))
            notes.append(f"validation is {VALIDATION_SHARE:.0%} of each class, split off here")
        return assemble(
            self,
            title=f"{path.resolve().name} {self.size}×{self.size}",
            classes=classes,
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=[*notes, "no patient ids: images of one patient may stand in several splits"],
            where=str(path),
        )

    def locate(self, *, root: Path) -> Path:
        """The folder; raises DataMissingError when it is not there."""
        path = root / os.path.expanduser(str(self.path))
        if not is_folder(path):
            raise DataMissingError("no such folder", where=str(path), remedy=_meant(path) + self.where(root=root))
        return path

    def where(self, *, root: Path) -> str:
        """The two layouts."""
        path = root / str(self.path)
        return f"put images into {path}/train/CLASS and {path}/test/CLASS (and val/CLASS), or into {path}/CLASS"

    def _classes(self, folder: Path) -> tuple[list[str], list[str]]:
        classes = subfolders(folder)
        if len(classes) < 2:
            raise UserError(
                f"has {len(classes)} class folders, and at least 2 are needed",
                where=str(folder),
                remedy="sort the images into one folder a class",
            )
        if self.disease and self.disease not in classes:
            raise UserError(
                f"disease {self.disease!r} is not among the class folders",
                where=str(folder),
                remedy=did_you_mean(str(self.disease), classes),
            )
        if len(classes) > 2:
            return classes, []
        disease = self.disease or classes[1]
        note = "" if self.disease else ", as the last in alphabetical order; set disease to change that"
        return [c for c in classes if c != disease] + [disease], [f"label 1 (disease) is {disease!r}{note}"]

    def _splits(self, path: Path) -> list[str]:
        return ["train", "test", "val"] if is_folder(path / "val") else ["train", "test"]

    def _list(self, path: Path, classes: list[str], split: str) -> list[ImageFile]:
        extra = [name for name in subfolders(path / split) if name not in classes] if is_folder(path / split) else []
        if extra:
            raise UserError(
                f"class folder {extra[0]!r} has no like in train", where=str(path / split), remedy="add or remove it"
            )
        return list_images(path / split, classes, prefix=split or "all")


def _meant(path: Path) -> str:
    """A guess at a folder beside the one that is not there, whose name is close."""
    from difflib import get_close_matches

    beside = subfolders(path.parent) if is_folder(path.parent) else []
    close = get_close_matches(path.name, beside, n=1, cutoff=0.6)
    return f"did you mean {str(path.parent / close[0])!r}? else " if close else ""
