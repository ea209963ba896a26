"""The contract of a data set."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmark.core.images import ImageData
from benchmark.datasets.base import Dataset
from benchmark.testing.claims import Claims
from benchmark.testing.isolation import global_randomness
from benchmark.testing.settings import check_settings, instance_of


def check_dataset(dataset: Dataset | type[Dataset], *, root: Path | None = None) -> None:
    """Check that a data set keeps its contract; its files must be there, for nothing is downloaded.

    Three splits of uint8 images of one shape, with labels in range, every class in each, ids that are unique, and no
    patient in two of them; and the same again when it is loaded once more.

    Args:
        dataset: The data set, or its class.
        root: The data root; None for the one in force.

    Raises:
        AssertionError: Saying what is broken.
    """
    dataset = instance_of(dataset, Dataset)  # type: ignore[type-abstract]
    claims = Claims(dataset)
    check_settings(dataset, claims)
    fingerprints = []
    for seed in (1, 2):
        with claims.works("load"), global_randomness(claims, "loads", seed=seed):
            data = dataset.load(root=root, download=False)
        fingerprints.append((data.fingerprint(), data.evaluation.ids))
    claims.holds(fingerprints[0] == fingerprints[1], "gives other images when it is loaded again")
    claims.holds(data.name == dataset.name, f"calls its data {data.name!r}")
    claims.holds(data.phantom == dataset.phantom, "does not say of its data whether they are a phantom")
    claims.holds(bool(data.title) and len(data.classes) >= 2, "has no title, or fewer than two classes")
    _check_splits(data, claims)
    with claims.works("say what to put where"):
        claims.holds(bool(dataset.where(root=Path("data"))), "does not say what to put where")


def _check_splits(data: ImageData, claims: Claims) -> None:
    splits = {"train": data.train, "validation": data.validation, "evaluation": data.evaluation}
    seen: set[str] = set()
    for name, images in splits.items():
        claims.holds(
            images.pixels.dtype == torch.uint8 and images.pixels.dim() == 4 and images.shape == data.train.shape,
            f"has {name} pixels of type {images.pixels.dtype} and shape {list(images.pixels.shape)}, "
            "not uint8 [N, C, H, W] like the training images",
        )
        counts = torch.bincount(images.labels.clamp(min=0), minlength=len(data.classes))
        claims.holds(
            images.labels.dtype == torch.int64 and int(images.labels.min()) >= 0 and len(counts) == len(data.classes),
            f"has {name} labels outside 0 … {len(data.classes) - 1}, or not int64",
        )
        claims.holds(bool((counts > 0).all()), f"has a class without an image in {name}")
        claims.holds(
            len(images.pixels) == len(images.labels) == len(set(images.ids)), f"has {name} ids that are not unique"
        )
        patients = set(images.groups or images.ids)
        claims.holds(not patients & seen, f"has a patient (or an id) of {name} in another split, too")
        seen |= patients
