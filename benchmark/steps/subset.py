"""Which evaluation images a run uses, and which of them train a detector."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages


def evaluation_rows(images: LabeledImages, samples: int | None, seed: int) -> Tensor:
    """Row numbers of `samples` images, drawn by a hash of their names, ascending; all where None.

    A smaller number gives a part of what a larger one gives, whatever the order of the files. int64.
    """
    if samples is None or samples >= len(images):
        return torch.arange(len(images))
    ranked = sorted(range(len(images)), key=lambda i: _rank(f"{seed}/{images.ids[i]}"))
    return torch.tensor(sorted(ranked[:samples]), dtype=torch.int64)


def detector_split(ids: list[str], groups: list[str], seed: int) -> list[str]:
    """The part each image plays for detectors: "fit", "calibration" or "test", whole patients, drawn by a hash.

    AdvTrain, 70 % of the images, is "fit" (45 %) and "calibration" (25 %): a threshold chosen on images that a
    supervised detector was fitted on would be too low, and one chosen on "test" images would be a leak.

    Args:
        ids: Names of the correctly classified images.
        groups: Their patients; the image's own name where there is none.
        seed: Seed of the draw.
    """
    sizes: dict[str, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    parts: dict[str, str] = {}
    taken = 0
    for group in sorted(sizes, key=lambda g: _rank(f"{seed}/detector/{g}")):
        share = taken / len(ids)
        parts[group] = "fit" if share < 0.45 else "calibration" if share < 0.70 else "test"
        taken += sizes[group]
    return [parts[group] for group in groups]


def _rank(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
