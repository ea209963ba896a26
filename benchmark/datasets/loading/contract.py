"""Loading a data set without trusting it: what it raises is said in one line, what it returns is checked."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.core.errors import UserError, in_words
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.ownership import is_strange
from benchmark.core.plain_file import is_utf8
from benchmark.core.undisturbed import process_settings_kept
from benchmark.datasets.base import Dataset

_CONTRACT = "let load return what benchmark.datasets.reading.assemble.assemble makes of three splits"


def load_checked(dataset: Dataset, *, root: Path | None, download: bool) -> ImageData:
    """The images of a data set, in memory that it has no hold on where it is not the project's own.

    Raises:
        UserError: It raised, or returned something that is no data; the data set is named.
    """
    where = f"dataset {dataset.name!r}"
    try:
        with process_settings_kept():
            data: Any = dataset.load(root=root, download=download)
    except UserError:
        raise
    except BaseException as error:
        # An interruption that the data set made up looks like the user's; it is believed.
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UserError(f"load failed ({in_words(error)})", where=where, remedy="mend the data set") from error
    _check(data, where)
    return _of_our_own(data) if is_strange(dataset) else data


def _check(data: Any, where: str) -> None:
    if not isinstance(data, ImageData):
        raise UserError(f"load returned {type(data).__name__}, not ImageData", where=where, remedy=_CONTRACT)
    texts = isinstance(data.name, str) and isinstance(data.title, str)
    listed = (data.notes, data.leaks, data.classes)
    if not texts or not all(map(_are_texts, listed)) or len(data.classes) < 2:
        raise UserError(
            "name and title must be texts, notes, leaks and classes texts in UTF-8 in a tuple, two classes or more",
            where=where,
            remedy=_CONTRACT,
        )
    if len(set(data.classes)) < len(data.classes):
        raise UserError("two classes have the same name", where=where, remedy="give each class a name of its own")
    splits = {"train": data.train, "validation": data.validation, "evaluation": data.evaluation}
    for name, images in splits.items():
        _check_split(name, images, len(data.classes), where)
        if images.shape != data.train.shape:
            raise UserError(
                f"{name} images are {images.shape}, train images {data.train.shape}", where=where, remedy=_CONTRACT
            )
    _check_subgroups(data.subgroups, len(data.evaluation), where)
    for (first, one), (second, other) in combinations(splits.items(), 2):
        if _overlap(one.pixels, other.pixels):
            raise UserError(
                f"the {first} and {second} splits are the same images in memory",
                where=where,
                remedy="let no image stand in two splits",
            )
        shared = set(one.groups or ()) & set(other.groups or ())
        if shared:
            raise UserError(
                f"patient {min(shared)!r} stands in both {first} and {second}",
                where=where,
                remedy="let no patient stand in two splits",
            )


def _check_split(name: str, images: Any, classes: int, where: str) -> None:
    def refuse(problem: str) -> UserError:
        return UserError(f"the {name} split {problem}", where=where, remedy=_CONTRACT)

    if not isinstance(images, LabeledImages):
        raise refuse(f"is {type(images).__name__}, not LabeledImages")
    for field, dtype in (("pixels", torch.uint8), ("labels", torch.int64), ("index", torch.int64)):
        tensor = getattr(images, field)
        if type(tensor) is not Tensor or tensor.dtype != dtype or tensor.device.type != "cpu" or tensor.is_sparse:
            kind = f"{tensor.dtype} on {tensor.device}" if type(tensor) is Tensor else type(tensor).__name__
            raise refuse(f"has {field} of {kind}, not a plain tensor of {dtype} on the CPU")
    count = len(images.ids) if isinstance(images.ids, tuple) else -1
    if images.pixels.dim() != 4 or 0 in images.pixels.shape:
        raise refuse(f"has pixels of shape {list(images.pixels.shape)}, not [N, C, H, W]")
    if images.labels.shape != (count,) or images.index.shape != (count,) or len(images.pixels) != count:
        raise refuse(f"has {len(images.pixels)} images, labels of shape {list(images.labels.shape)} and {count} ids")
    if not _are_texts(images.ids) or len(set(images.ids)) < count:
        raise refuse("has ids that are not texts in UTF-8, or not all different")
    if images.groups is not None and not (_are_texts(images.groups) and len(images.groups) == count):
        raise refuse("has groups that are not one text in UTF-8 an image")
    if len(images.index.unique()) < count:
        raise refuse("has two images of one index")
    if not 0 <= int(images.labels.min()) <= int(images.labels.max()) < classes:
        raise refuse(f"has a label outside 0 … {classes - 1}")
    if len(images.labels.unique()) < classes:
        raise refuse("lacks images of a class")


def _check_subgroups(subgroups: Any, count: int, where: str) -> None:
    sound = isinstance(subgroups, Mapping) and _are_texts(tuple(subgroups))
    if not sound or not all(_are_texts(values) and len(values) == count for values in subgroups.values()):
        raise UserError(
            "subgroups must be one text in UTF-8 an evaluation image, in tuples by the name of what they tell",
            where=where,
            remedy=_CONTRACT,
        )


def _are_texts(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, str) and is_utf8(value) for value in values)


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two blocks of memory share a byte; tensors with gaps may lie within one another and are let pass."""
    if not (one.is_contiguous() and other.is_contiguous()):
        return one.data_ptr() == other.data_ptr()
    return one.data_ptr() < other.data_ptr() + other.nbytes and other.data_ptr() < one.data_ptr() + one.nbytes


def _of_our_own(data: ImageData) -> ImageData:
    return ImageData(
        name=str(data.name),
        title=str(data.title),
        classes=data.classes,
        train=data.train.copy(),
        validation=data.validation.copy(),
        evaluation=data.evaluation.copy(),
        notes=data.notes,
        phantom=bool(data.phantom),
        leaks=data.leaks,
        subgroups=dict(data.subgroups),
    )
