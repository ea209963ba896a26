"""Images that are sorted into one folder a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.plain_file import is_folder, is_utf8, kind
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.reading.decode import decode
from benchmark.datasets.reading.dicom_file import SUFFIXES as DICOM

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}) | DICOM


class ImageFile(NamedTuple):
    """A file, its label, its stable name, and the patient it shows (empty where unknown)."""

    path: Path
    label: int
    id: str
    patient: str = ""


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted; hidden ones and archive debris are left out."""
    shown = [p for p in _children(folder) if not p.name.startswith((".", "__"))]
    return sorted(p.name for p in _named(folder, [p for p in shown if kind(p) == "a folder"]))


def list_images(
    folder: Path,
    classes: Sequence[str],
    *,
    prefix: str,
    patient: Callable[[Path], str] | None = None,
    nested: bool = False,
) -> list[ImageFile]:
    """The images of folder/CLASS for each class, sorted by name; ids are prefix/CLASS/file name.

    Args:
        folder: Holds one folder a class.
        classes: Names of the class folders, in label order.
        prefix: First part of the ids: the split.
        patient: File → patient id.
        nested: The images are in folders of folder/CLASS, whose names stand in the ids.

    Raises:
        DataMissingError: A class folder is not there.
        UserError: A class folder is none, has no images, or cannot be listed, or a name is not UTF-8.
    """
    files = []
    for label, name in enumerate(classes):
        if not is_folder(folder / name):
            raise DataMissingError(
                "no such folder", where=str(folder / name), remedy=f"put the images of class {name!r} there"
            )
        within = [folder / name / inner for inner in subfolders(folder / name)] if nested else [folder / name]
        found = [path for inner in within for path in _images(inner)]
        if not found:
            raise _without_images(folder / name, nested=nested)
        for path in found:
            of = path.relative_to(folder / name).as_posix()
            files.append(ImageFile(path, label, f"{prefix}/{name}/{of}", patient(path) if patient else ""))
    return files


def _images(folder: Path) -> list[Path]:
    images = [p for p in _children(folder) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    return sorted(_named(folder, images))


def _without_images(folder: Path, *, nested: bool) -> UserError:
    """What is there instead, as far as it tells what was meant."""
    held = [p for p in _children(folder) if not p.name.startswith(".")]
    others = sorted({p.suffix.lower() for p in held if p.suffix})
    wanted = "put images there; their names end in " + ", ".join(sorted(SUFFIXES))
    if subfolders(folder) and not nested:
        return UserError(
            f"the class folder has no images, but {len(subfolders(folder)):,} folders",
            where=str(folder),
            remedy='set patient = "folder" where each is a patient\'s; otherwise put the images beside them',
        )
    kinds = f", but {len(held):,} files ({', '.join(others[:5])})" if others else ""
    return UserError(f"the class folder has no images{kinds}", where=str(folder), remedy=wanted)


def read_images(*splits: Sequence[ImageFile], size: int, channels: int) -> list[LabeledImages]:
    """Decode every split (see `decode`); groups are the patients where every file has one.

    Raises:
        UserError: Files cannot be used: all of them are named, whatever split they are of.
    """
    pixels = decode([f.path for files in splits for f in files], size=size, channels=channels)
    parts = pixels.split([len(files) for files in splits])
    return [labeled(files, part) for files, part in zip(splits, parts, strict=True)]


def labeled(files: Sequence[ImageFile], pixels: Tensor) -> LabeledImages:
    """Pixels with what is known of their files, in memory of their own; groups where every file has a patient."""
    return LabeledImages(
        # A part of the whole would keep all of it in memory.
        pixels=pixels.clone(),
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


def _named(folder: Path, paths: list[Path]) -> list[Path]:
    """`paths`, whose names stand in records and tables."""
    odd = [p.name for p in paths if not is_utf8(p.name)]
    if odd:
        more = f" and {len(odd) - 1:,} more" if len(odd) > 1 else ""
        raise UserError(f"the name {odd[0]!r}{more} is not UTF-8", where=str(folder), remedy="rename, as with convmv")
    return paths
