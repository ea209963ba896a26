"""Making a data set's three splits into one checked whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.datasets.base import Dataset
from benchmark.datasets.reading.duplicates import duplicate_notes


def assemble(
    dataset: Dataset,
    *,
    title: str,
    classes: Sequence[str],
    train: LabeledImages,
    validation: LabeledImages,
    evaluation: LabeledImages,
    notes: Sequence[str] = (),
    where: str,
) -> ImageData:
    """Check the splits, count exact duplicates into `notes`, and put everything together.

    Raises:
        UserError: Pixels are not uint8 [N, C, H, W] of one shape, labels are out of range, a class has no image in a
            split, or a patient stands in two splits.
    """
    splits = {"train": train, "validation": validation, "evaluation": evaluation}
    for name, images in splits.items():
        _check_split(name, images, classes, where)
        if images.shape != train.shape:
            raise UserError(f"{name} images are {images.shape}, train images {train.shape}", where=where)
    for first, second in combinations(splits, 2):
        shared = set(splits[first].groups or ()) & set(splits[second].groups or ())
        if shared:
            many = f"{len(shared):,} patients, the first {min(shared)!r}, stand"
            who = many if len(shared) > 1 else f"patient {min(shared)!r} stands"
            raise UserError(
                f"{who} in both {first} and {second}",
                where=where,
                remedy="let all images of a patient stand in one split",
            )
    notes_on_copies, leaks = duplicate_notes(splits)
    return ImageData(
        name=dataset.name,
        title=title,
        classes=tuple(classes),
        train=train,
        validation=validation,
        evaluation=evaluation,
        notes=(*notes, *notes_on_copies),
        phantom=dataset.phantom,
        leaks=tuple(leaks),
    )


def _check_split(name: str, images: LabeledImages, classes: Sequence[str], where: str) -> None:
    if images.pixels.dtype != torch.uint8 or images.pixels.dim() != 4:
        raise UserError(
            f"{name} pixels are {images.pixels.dtype} {list(images.pixels.shape)}, not uint8 [N, C, H, W]", where=where
        )
    if not len(images.pixels) == len(images.labels) == len(images.ids):
        raise UserError(f"{name} has {len(images.pixels)} images and {len(images.labels)} labels", where=where)
    if len(images) and not 0 <= int(images.labels.min()) <= int(images.labels.max()) < len(classes):
        raise UserError(f"{name} has a label outside 0 … {len(classes) - 1}", where=where)
    counts = torch.bincount(images.labels, minlength=len(classes)).tolist()
    for label, count in enumerate(counts):
        if count == 0:
            raise UserError(
                f"class {classes[label]!r} has no image in the {name} split",
                where=where,
                remedy="add images of that class, or remove the class everywhere",
            )
