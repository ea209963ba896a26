"""Images that stand in a data set more than once."""

from __future__ import annotations

import hashlib
from itertools import combinations

from benchmark.core.images import LabeledImages


def pixel_digests(images: LabeledImages) -> list[bytes]:
    """One hash per image; equal hashes mean equal decoded pixels."""
    pixels = images.pixels.contiguous().numpy()
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in pixels]


def duplicate_notes(splits: dict[str, LabeledImages]) -> tuple[list[str], list[str]]:
    """What a reader must know about exact duplicates within and across the named splits.

    Returns:
        (all of it, the part of it that says that images of "evaluation" stand in another split, too).
    """
    digests = {name: pixel_digests(images) for name, images in splits.items()}
    labels: dict[bytes, set[int]] = {}
    notes, leaks = [], []
    for name, images in splits.items():
        for digest, label in zip(digests[name], images.labels.tolist(), strict=True):
            labels.setdefault(digest, set()).add(label)
        repeated = len(digests[name]) - len(set(digests[name]))
        if repeated:
            notes.append(
                f"{_images(repeated)} of {name} {'is a copy' if repeated == 1 else 'are copies'} of another in {name}"
            )
    for first, second in combinations(splits, 2):
        shared = len(set(digests[first]) & set(digests[second]))
        if shared:
            note = f"{_images(shared)} {'stands' if shared == 1 else 'stand'} in both {first} and {second}"
            notes.append(note)
            leaks += [note] if "evaluation" in (first, second) else []
    contradictory = sum(len(found) > 1 for found in labels.values())
    if contradictory:
        notes.append(
            f"{_images(contradictory)} {'stands' if contradictory == 1 else 'stand'} in the data with different labels"
        )
    return notes, leaks


def leaked_images(evaluation: LabeledImages, *others: LabeledImages) -> int:
    """How many images of `evaluation` stand in another split, too, pixel for pixel."""
    elsewhere = {digest for images in others for digest in pixel_digests(images)}
    return sum(digest in elsewhere for digest in pixel_digests(evaluation))


def _images(count: int) -> str:
    return f"{count:,} image" + ("" if count == 1 else "s")
