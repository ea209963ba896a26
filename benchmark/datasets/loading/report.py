"""What is in one data set: images, patients, copies, and what their files are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from benchmark.core.errors import UserError, in_words
from benchmark.core.images import ImageData, LabeledImages
from benchmark.datasets.base import Dataset
from benchmark.datasets.loading.contract import load_checked
from benchmark.datasets.reading.duplicates import duplicate_notes, pixel_digests
from benchmark.datasets.reading.originals import Original, originals
from benchmark.datasets.reading.root import data_root


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        name: train, validation or evaluation.
        counts: Images of each class.
        patients: How many there are; None where they are not known.
        copies: Images that are copies of another in the split, once resized.
    """

    name: str
    counts: tuple[int, ...]
    patients: int | None
    copies: int


@dataclass(frozen=True)
class Report:
    """What `data check` says about one data set that was read.

    Attributes:
        title: As on the board.
        classes: In label order.
        shape: Channels, height and width of the images as they are used.
        splits: Train, validation, evaluation.
        shared: Images that stand in both of two splits.
        originals: How many files there are of each size and depth; empty where they are no files of images.
        left_out: Files that are not used.
        official: Whether the file has the published checksum; None where none is published.
        notes: What the data set says about itself, but for copies.
        copies: The same of copies.
        leaks: Those of it that say why evaluation images are not apart from the others.
    """

    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    splits: tuple[Split, ...]
    shared: tuple[tuple[str, str, int], ...]
    originals: tuple[tuple[Original, int], ...]
    left_out: tuple[str, ...]
    official: bool | None
    notes: tuple[str, ...]
    copies: tuple[str, ...]
    leaks: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            **asdict(self),
            "splits": [
                {**asdict(split), "counts": dict(zip(self.classes, split.counts, strict=True))} for split in self.splits
            ],
            "shared": [{"splits": [first, second], "images": count} for first, second, count in self.shared],
            "originals": [{**kind._asdict(), "files": count} for kind, count in self.originals],
        }


def report(dataset: Dataset, *, root: Path | None) -> tuple[Report, ImageData]:
    """Read a data set, and count what is in it; nothing is downloaded.

    Raises:
        UserError: It is not there, or cannot be used.
    """
    data = load_checked(dataset, root=root, download=False)
    files = _files(dataset, root)
    splits = {"train": data.train, "validation": data.validation, "evaluation": data.evaluation}
    used = {i for images in splits.values() for i in images.ids}
    digests = {name: pixel_digests(images) for name, images in splits.items()}
    on_copies = duplicate_notes(splits)[0]
    found = Report(
        title=data.title,
        classes=data.classes,
        shape=data.train.shape,
        splits=tuple(_split(name, images, digests[name], len(data.classes)) for name, images in splits.items()),
        shared=tuple(
            (first, second, len(set(digests[first]) & set(digests[second])))
            for first, second in combinations(splits, 2)
        ),
        originals=tuple(originals(path for i, path in files.items() if i in used).most_common()),
        left_out=tuple(str(path) for i, path in files.items() if i not in used),
        official=dataset.official(root=data_root(root)),
        notes=tuple(note for note in data.notes if note not in on_copies),
        copies=tuple(on_copies),
        leaks=data.leaks,
    )
    return found, data


def _files(dataset: Dataset, root: Path | None) -> dict[str, Path]:
    try:
        return dict(dataset.image_files(root=root))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"image_files failed ({in_words(error)})", where=f"dataset {dataset.name!r}", remedy="mend the data set"
        ) from error


def _split(name: str, images: LabeledImages, digests: list[bytes], classes: int) -> Split:
    return Split(
        name=name,
        counts=tuple(torch.bincount(images.labels, minlength=classes).tolist()),
        patients=None if images.groups is None else len(set(images.groups)),
        copies=len(digests) - len(set(digests)),
    )
