"""Ranks that say how sure they are: paired resampling of what happened to each image in each row."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation.bootstrap import group_weights, percentile
from benchmark.evaluation.intervals import Estimate, Interval, group_numbers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RESAMPLES = 2000
LEVEL = 0.05
_TIE = 1e-9
"""Differences in balanced accuracy below this are rounding."""
_DETECTABLE = 1.959964 + 0.841621
"""Standard errors that a difference must measure to be found in 80 % of studies at a two-sided level of 5 %."""


@dataclass(frozen=True)
class Ranking:
    """A row's place among the ranked ones.

    Attributes:
        rank: 1 + the number of rows that are told apart from it and better.
        low, high: 95 % interval of the rank.
        next: The row below it; empty for the last.
        difference: By how much its balanced accuracy is above the next row's; None for the last.
        apart: Whether it is told apart from the next row.
        images: Evaluation images that would tell the two apart in four of five studies, if the difference is what it
            seems; None for the last and where there is no difference.
        like: The other rows that it is not told apart from.
    """

    rank: int
    low: int
    high: int
    next: str
    difference: Estimate | None
    apart: bool
    images: int | None
    like: tuple[str, ...]


def rank_rows(
    names: Sequence[str],
    outcomes: NDArray[np.bool_],
    labels: Sequence[int],
    groups: Sequence[Hashable],
    *,
    classes: int,
    seed: int,
) -> list[Ranking]:
    """Rank rows by balanced accuracy over the same images, which must hold every class.

    All rows are resampled jointly: whole patients are drawn again among those with images of the same classes. Row i
    is better than row j where the 95 % percentile interval of its advantage leaves 0 out *and* a paired sign test does:
    swapping the two rows' outcomes patient by patient gives an advantage as large in less than 5 % of all swaps (with
    two classes of equal size and no patients this is McNemar's exact test). The interval alone calls four one-sided
    images of 64 a difference. The interval of a rank holds the middle 95 % of the resampled ranks, ties counting both
    ways, and every rank that the comparisons leave open.

    Args:
        names: R rows, best first.
        outcomes: [R, N] whether image i is right in the row, on clean input and under every attack.
        labels: [N] true classes, below `classes`.
        groups: [N] patient of each image.
        classes: K ≥ 2.
        seed: Of the resampling.

    Returns:
        One for each row, in the order of `names`.
    """
    rng = np.random.default_rng(seed)
    truth, patients = np.asarray(labels), group_numbers(groups)
    drawn = _resampled(outcomes, truth, patients, classes, rng)
    shares = outcomes * _image_weights(truth, classes)
    observed = shares.sum(axis=1)
    better = np.zeros((len(names), len(names)), dtype=bool)
    for one in range(len(names)):
        for other in range(len(names)):
            if observed[one] > observed[other]:
                interval = percentile(drawn[:, one] - drawn[:, other])
                apart = interval is not None and interval.low > _TIE
                better[one, other] = apart and swap_test(shares[one] - shares[other], patients, rng) < LEVEL
    above = (drawn[:, None, :] > drawn[:, :, None] + _TIE).sum(axis=2)
    level = (np.abs(drawn[:, None, :] - drawn[:, :, None]) <= _TIE).sum(axis=2) - 1
    found = []
    for i in range(len(names)):
        rank, last = 1 + int(better[:, i].sum()), len(names) - int(better[i].sum())
        low = 1 + int(np.quantile(above[:, i], LEVEL / 2, method="lower"))
        high = 1 + int(np.quantile((above + level)[:, i], 1 - LEVEL / 2, method="higher"))
        images, difference = None, None
        if i + 1 < len(names):
            around = percentile(drawn[:, i] - drawn[:, i + 1])
            gap = float(observed[i] - observed[i + 1])
            assert around is not None
            difference = Estimate(gap, Interval(min(around.low, gap), max(around.high, gap)))
            images = images_needed(outcomes[i], outcomes[i + 1], truth, patients, classes=classes)
        following = names[i + 1] if i + 1 < len(names) else ""
        apart = bool(better[i, i + 1]) if following else False
        like = tuple(names[j] for j in range(len(names)) if j != i and not better[i, j] and not better[j, i])
        found.append(Ranking(rank, min(low, rank), max(high, last), following, difference, apart, images, like))
    return found


def images_needed(
    first: Bools, second: Bools, labels: NDArray[np.int64], groups: NDArray[np.int64], *, classes: int
) -> int | None:
    """How many images, drawn as these were, tell two rows apart with 80 % power at 5 %; None without a difference.

    Normal approximation: n (1.96 + 0.84)² Var(d) / d², with d the difference in balanced accuracy and Var(d) its
    variance between patients (linearized), the classes' shares of the images taken as given.
    """
    weights = _image_weights(labels, classes)
    each = first.astype(np.float64) - second
    difference = float((weights * each).sum())
    if abs(difference) < _TIE:
        return None
    centred = (
        each - (np.bincount(labels, each, classes) / np.maximum(np.bincount(labels, minlength=classes), 1))[labels]
    )
    totals = np.bincount(groups, weights * centred)
    variance = len(totals) / max(len(totals) - 1, 1) * float((totals**2).sum())
    return max(1, math.ceil(len(labels) * variance * (_DETECTABLE / difference) ** 2))


def swap_test(advantage: Floats, groups: NDArray[np.int64], rng: np.random.Generator, *, swaps: int = 4000) -> float:
    """Two-sided p of a paired sign test: how often random swaps of two rows' outcomes differ as much as they do.

    Args:
        advantage: [N] what each image adds to the first row's balanced accuracy, less what it adds to the second's.
        groups: [N] patient of each image; a patient's images are swapped together.
        rng: Draws the swaps.
        swaps: How many.
    """
    totals = np.bincount(groups, advantage)
    totals = totals[np.abs(totals) > _TIE]
    seen = abs(float(totals.sum())) - _TIE
    if len(totals) <= 12:
        bits = np.arange(2 ** len(totals))[:, None] >> np.arange(len(totals)) & 1
        return float((np.abs((1 - 2 * bits) @ totals) >= seen).mean())
    signs = 1 - 2 * rng.integers(2, size=(swaps, len(totals)))
    return (1 + float((np.abs(signs @ totals) >= seen).sum())) / (1 + swaps)


def _image_weights(labels: NDArray[np.int64], classes: int) -> Floats:
    """What each image counts in balanced accuracy: 1 / (K n_c)."""
    return np.asarray(1 / (classes * np.bincount(labels, minlength=classes)[labels]), dtype=np.float64)


def _resampled(
    outcomes: Bools, labels: NDArray[np.int64], groups: NDArray[np.int64], classes: int, rng: np.random.Generator
) -> Floats:
    """Balanced accuracy of every row in each resample: [RESAMPLES, R]."""
    count = int(groups.max()) + 1
    held = np.zeros((count, classes), dtype=np.int64)
    np.add.at(held, (groups, labels), 1)
    stratum = np.unique(held > 0, axis=0, return_inverse=True)[1].ravel()
    weights = np.zeros((RESAMPLES, count))
    for number in np.unique(stratum):
        members = np.flatnonzero(stratum == number)
        weights[:, members] = group_weights(len(members), rng, resamples=RESAMPLES)
    accuracy = np.zeros((RESAMPLES, len(outcomes)))
    for label in range(classes):
        right = np.stack([np.bincount(groups[labels == label], row[labels == label], count) for row in outcomes])
        accuracy += (weights @ right.T) / (weights @ held[:, label])[:, None] / classes
    return accuracy
