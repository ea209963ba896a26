"""Two sets of outcomes on the same images: their difference with an interval, and an exact test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.intervals import Estimate, Interval, group_numbers, mcnemar


def paired_difference(
    first: ArrayLike, second: ArrayLike, groups: Sequence[Hashable], *, confidence: float = 0.95
) -> Estimate:
    """Share of `first` less share of `second` with the adjusted Wald interval for paired data.

    Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data": with one image added to each of the four cells, p̃ = (n + 1) / (N + 2) of the images on which only one is
    right, d̃ = p̃₁ − p̃₂ and d̃ ± z √((p̃₁ + p̃₂ − d̃²) / (N + 2)). Where patients have several images, all counts are
    divided by the design effect of the difference, at least 1; where all images agree, they count as copies.

    Args:
        first, second: N ≥ 1 booleans each; entry i of both belongs to one image.
        groups: The patient of each image.
        confidence: Of the two-sided interval, in (0, 1).
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    difference = a.astype(np.float64) - b
    count = len(difference)
    kept = _effective_share(difference, group_numbers(groups))
    total = kept * count + 2
    only_first, only_second = (kept * float((difference == sign).sum()) + 1 for sign in (1, -1))
    centre = (only_first - only_second) / total
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * math.sqrt(
        ((only_first + only_second) / total - centre**2) / total
    )
    value = float(difference.mean())
    low, high = min(value, max(-1.0, centre - half)), max(value, min(1.0, centre + half))
    return Estimate(value, Interval(low, high))


def mcnemar_exact(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided exact McNemar test: p-value of "both succeed equally often", in (0, 1]; images are independent."""
    return min(1.0, 2 * min(mcnemar(first, second), mcnemar(second, first)))


def _effective_share(difference: NDArray[np.float64], group: NDArray[np.int64]) -> float:
    """What part of the images count, as images of a patient resemble each other, in (0, 1]."""
    sizes = np.bincount(group)
    patients, count = len(sizes), len(difference)
    if patients == count:
        return 1.0
    centred = difference - difference.mean()
    spread = float((centred**2).sum())
    if patients == 1 or spread == 0:
        return count / float((sizes**2).sum())
    totals = np.bincount(group, weights=centred)
    clustered = patients / (patients - 1) * float((totals**2).sum())
    return min(1.0, spread / clustered * count / (count - 1)) if clustered > 0 else 1.0
