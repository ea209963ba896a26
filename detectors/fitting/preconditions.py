"""What the detectors require of the data that they are given, as errors that a user can act on."""

from __future__ import annotations

import numpy as np

from benchmark.core.arrays import Floats
from benchmark.core.errors import UserError
from detectors.base import DetectorData

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def finite(values: Floats, *, where: str) -> Floats:
    """The features [N, C] as float64, within the range of the float32 networks that they come from.

    Raises:
        UserError: A feature is NaN or infinite, so that no score would mean anything.
    """
    matrix = np.asarray(values, dtype=np.float64)
    broken = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(broken):
        raise UserError(
            f"the classifier's features of {len(broken)} of {len(matrix)} images are NaN or infinite "
            f"(first: row {broken[0]})",
            where=where,
            remedy="check the classifier's weights and that the attack's images are finite",
        )
    return matrix.clip(-_FLOAT32_MAX, _FLOAT32_MAX)


def require_classes(data: DetectorData, *, minimum: int, where: str) -> None:
    """Every class that the classifier can predict has at least `minimum` reference images.

    Raises:
        UserError: Naming the first class that has too few.
    """
    counts = np.bincount(data.reference_labels, minlength=data.reference.logits.shape[1])
    for label, count in enumerate(counts):
        if count < minimum:
            raise UserError(
                f"class {label} has {count} clean reference images; {minimum} are needed",
                where=where,
                remedy="give the detector more training images, or leave the class out of the data set",
            )


def require_adversarial(data: DetectorData, *, where: str) -> None:
    """There is something to learn the difference between clean and adversarial from.

    Raises:
        UserError: The AdvTrain sets are empty or not aligned.
    """
    sizes = {"clean": len(data.clean), "noisy": len(data.noisy), "adversarial": len(data.adversarial)}
    if len(set(sizes.values())) > 1 or not len(data.clean):
        raise UserError(
            "the clean, noisy and adversarial images to learn from must be as many, and at least one each; "
            + ", ".join(f"{name}: {size}" for name, size in sizes.items()),
            where=where,
            remedy="raise --limit, or check that the classifier is right on some held-out images",
        )
