"""Images that stand in a data set more than once."""

from __future__ import annotations

import hashlib

from benchmark.core.images import LabeledImages


def pixel_digests(images: LabeledImages) -> list[bytes]:
    """One hash per image; equal hashes mean equal decoded pixels."""
    pixels = images.pixels.contiguous().numpy()
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in pixels]


def duplicate_notes(splits: dict[str, LabeledImages]) -> list[str]:
    """What a reader must know about exact duplicates within and across the named splits; empty when there are none."""
    digests = {name: pixel_digests(images) for name, images in splits.items()}
    labels: dict[bytes, set[int]] = {}
    notes = []
    for name, images in splits.items():
        for digest, label in zip(digests[name], images.labels.tolist(), strict=True):
            labels.setdefault(digest, set()).add(label)
        repeated = len(digests[name]) - len(set(digests[name]))
        if repeated:
            notes.append(
                f"{_images(repeated)} of {name} {'is a copy' if repeated == 1 else 'are copies'} of another in {name}"
            )
    names = list(splits)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            shared = len(set(digests[first]) & set(digests[second]))
            if shared:
                notes.append(f"{_images(shared)} {'stands' if shared == 1 else 'stand'} in both {first} and {second}")
    contradictory = sum(len(found) > 1 for found in labels.values())
    if contradictory:
        notes.append(
            f"{_images(contradictory)} {'stands' if contradictory == 1 else 'stand'} in the data with different labels"
        )
    return notes


def _images(count: int) -> str:
    return f"{count:,} image" + ("" if count == 1 else "s")
