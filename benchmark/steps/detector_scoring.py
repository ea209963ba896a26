"""Scoring several sets of images so that a detector cannot tell which image belongs to which set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmark.core.arrays import Floats, Integers
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.steps.isolated_detector import IsolatedDetector
from detectors.base import FeatureSet

TOLERANCE = 1e-5
"""How far an image's score may differ in other company, relative to its size and the spread of the middle half of all
scores: some times the rounding of float32."""
AGAIN, ALONE = 256, 8
"""Images that are scored again in other company, and one by one."""


def score_sets(
    detector: IsolatedDetector, sets: Mapping[str, FeatureSet], noise: Noise
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Each set's scores [N], and what was found of their dependence on company.

    All images are scored in one batch in an order of their own. A copy of the fitted detector scores some of them
    again, in two batches and in another order, and a few one by one.

    Args:
        detector: The fitted detector.
        sets: Features of each set.
        noise: One row for each image of all sets; decides the orders.

    Returns:
        The scores, and n: images; again, alone: how many of them were scored again, and one by one; largest_difference:
        between two scores of an image, relative as in `TOLERANCE`.

    Raises:
        UserError: An image's score depends on the other images, or on their order.
    """
    images = FeatureSet.concatenate(list(sets.values()))
    fresh = detector.copied()
    order = _order(noise.stream("order"))
    together = np.empty(len(images))
    together[order] = detector.score(images.take(order))
    some = _order(noise.stream("another order"))[:AGAIN]
    batches = [*np.array_split(some, 2), *some[:ALONE, None]]
    again = np.concatenate([fresh.score(images.take(rows)) for rows in batches])
    spread = float(np.subtract(*np.quantile(together, [0.75, 0.25])))
    largest = _difference(together[np.concatenate(batches)], again, spread)
    if largest > TOLERANCE:
        raise UserError(
            f"an image's score depends on the other images or on their order (by {largest:.2g} of its size)",
            where=f"detector {detector.detector.name}",
            remedy="score each image by itself",
        )
    ends = np.cumsum([len(features) for features in sets.values()])[:-1]
    scores = dict(zip(sets, np.split(together, ends), strict=True))
    checks = {"n": len(images), "again": len(some), "alone": len(some[:ALONE]), "largest_difference": largest}
    return scores, checks


def _order(noise: Noise) -> Integers:
    order: Integers = noise.uniform((1,)).flatten().argsort(stable=True).numpy()
    return order


def _difference(one: Floats, other: Floats, spread: float) -> float:
    scale = np.maximum(np.abs(one), np.abs(other)) + spread
    return float((np.abs(one - other) / np.maximum(scale, np.finfo(np.float64).tiny)).max(initial=0))
