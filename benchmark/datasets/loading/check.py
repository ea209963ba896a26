"""What data are at hand, and what to put where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.core.plugin import registered
from benchmark.datasets.base import DataMissingError, Dataset
from benchmark.datasets.loading.contract import load_checked
from benchmark.datasets.reading.root import data_root


@dataclass(frozen=True)
class DatasetStatus:
    """What `data check` says about one data set.

    Attributes:
        name: The data set.
        found: Whether its files are there.
        problem: Why it cannot be used; empty when it can.
        official: Whether the file has the published checksum; None where none is published or nothing was found.
        classes: Class names in label order.
        counts: Images of each class, by split.
        notes: What the data set says about itself.
    """

    name: str
    found: bool
    problem: str = ""
    official: bool | None = None
    classes: tuple[str, ...] = ()
    counts: tuple[tuple[str, tuple[int, ...]], ...] = ()
    notes: tuple[str, ...] = ()


def check(root: Path | None = None) -> Iterator[DatasetStatus]:
    """The state of every data set with its default settings, one after another; nothing is downloaded."""
    for name, dataset in _with_defaults():
        try:
            data = load_checked(dataset, root=root, download=False)
            official = dataset.official(root=data_root(root))
        except DataMissingError as missing:
            yield DatasetStatus(name, found=False, problem=str(missing))
        except UserError as error:
            yield DatasetStatus(name, found=True, problem=str(error))
        else:
            yield DatasetStatus(
                name, found=True, official=official, classes=data.classes, counts=_counts(data), notes=data.notes
            )


def placements(root: Path | None = None) -> list[tuple[str, str]]:
    """(name, what to put where) for every data set, as `data where` prints it."""
    folder = data_root(root)
    return [(name, dataset.where(root=folder)) for name, dataset in _with_defaults()]


def _with_defaults() -> Iterator[tuple[str, Dataset]]:
    for name, plugin in registered("dataset").items():
        # A setting without a default stands in the text by its own name: PATH/train/CLASS.
        required = {p.name: p.name.upper() for p in plugin.parameters() if p.required}
        yield name, cast(Dataset, plugin.from_settings(required, where=f"dataset {name}"))


def _counts(data: ImageData) -> tuple[tuple[str, tuple[int, ...]], ...]:
    splits = (("train", data.train), ("validation", data.validation), ("evaluation", data.evaluation))
    return tuple(
        (name, tuple(torch.bincount(images.labels, minlength=len(data.classes)).tolist())) for name, images in splits
    )
