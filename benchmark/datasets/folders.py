"""Images that are sorted into one folder a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmark.datasets.base import DataMissingError
from benchmark.datasets.decode import decode
from benchmark.errors import UserError
from benchmark.images import LabeledImages

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class ImageFile(NamedTuple):
    """A file, its label, its stable name, and the patient it shows (empty where unknown)."""

    path: Path
    label: int
    id: str
    patient: str = ""


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted; hidden ones and archive debris are left out."""
    return sorted(p.name for p in _children(folder) if p.is_dir() and not p.name.startswith((".", "__")))


def list_images(
    folder: Path, classes: Sequence[str], *, prefix: str, patient: Callable[[str], str] | None = None
) -> list[ImageFile]:
    """The images of folder/CLASS for each class, sorted by name; ids are prefix/CLASS/file name.

    Args:
        folder: Holds one folder a class.
        classes: Names of the class folders, in label order.
        prefix: First part of the ids: the split.
        patient: File name → patient id.

    Raises:
        DataMissingError: A class folder is not there.
        UserError: A class folder has no images, or cannot be listed.
    """
    files = []
    for label, name in enumerate(classes):
        if not (folder / name).is_dir():
            raise DataMissingError(
                "no such folder", where=str(folder / name), remedy=f"put the images of class {name!r} there"
            )
        found = sorted(
            p for p in _children(folder / name) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        if not found:
            raise UserError(
                "the class folder has no images",
                where=str(folder / name),
                remedy="put images there; their names end in " + ", ".join(sorted(SUFFIXES)),
            )
        files += [ImageFile(p, label, f"{prefix}/{name}/{p.name}", patient(p.name) if patient else "") for p in found]
    return files


def read_images(files: Sequence[ImageFile], *, size: int, channels: int) -> LabeledImages:
    """Decode `files` (see `decode`); groups are the patients where every file has one."""
    return LabeledImages(
        pixels=decode([f.path for f in files], size=size, channels=channels),
        labels=torch.tensor([f.label for f in files], dtype=torch.int64),
        ids=tuple(f.id for f in files),
        groups=tuple(f.patient for f in files) if all(f.patient for f in files) else None,
    )


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise UserError(
            f"cannot be listed ({error})", where=str(folder), remedy="check the path and its rights"
        ) from error
