"""Splitting off images so that patients and copies stay together, the same way every time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import torch

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.datasets.reading.duplicates import pixel_digests

VALIDATION_SHARE = 0.1
"""Share of the training images that becomes validation where a data set has none."""


def units(images: LabeledImages) -> list[str]:
    """What must stay together, by name: the patient where one is known, else the first image with equal pixels."""
    if images.groups is not None:
        return list(images.groups)
    first: dict[bytes, str] = {}
    return [first.setdefault(digest, name) for digest, name in zip(pixel_digests(images), images.ids, strict=True)]


def split_off(
    images: LabeledImages, share: float, *, purpose: str, strata: Sequence[int] | None = None, where: str = ""
) -> tuple[LabeledImages, LabeledImages]:
    """Split into (rest, held out), where about `share` of each stratum's images are held out.

    Units (see `units`) are taken in the order of a hash of `purpose` and their names, so that the choice depends
    neither on the order of files nor on a random state, until the share is reached.

    Args:
        images: What to split.
        share: Between 0 and 1.
        purpose: Splits for different purposes are independent of each other.
        strata: A number per image; the share is held in each. Default: the labels.
        where: For the error.

    Raises:
        UserError: All images of a stratum belong to one unit.
    """
    names = units(images)
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        members[name].append(row)
    numbers = images.labels.tolist() if strata is None else list(strata)
    by_stratum: dict[int, list[str]] = defaultdict(list)
    for name, rows in members.items():
        by_stratum[numbers[rows[0]]].append(name)
    held = torch.zeros(len(images), dtype=torch.bool)
    for stratum, candidates in sorted(by_stratum.items()):
        if len(candidates) == 1:
            known = "images of one patient" if images.groups is not None else "one image, or copies of one,"
            raise UserError(
                f"label {stratum} has {known} only, so no {purpose} split can be made",
                where=where,
                remedy="add images, or say which are in which split",
            )
        candidates.sort(key=lambda name: hashlib.blake2b(f"{purpose}/{name}".encode()).digest())
        wanted = share * sum(len(members[name]) for name in candidates)
        taken = 0
        for name in candidates[:-1]:
            if taken >= wanted:
                break
            held[members[name]] = True
            taken += len(members[name])
    return _renumbered(images[~held]), _renumbered(images[held])


def _renumbered(images: LabeledImages) -> LabeledImages:
    return replace(images, index=torch.arange(len(images)))
