"""Uncertainty: intervals for proportions and AUC, with or without patients, and a paired test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_RESAMPLES_AT_ONCE = 64


@dataclass(frozen=True)
class Interval:
    """The range of values that the data leave plausible.

    Attributes:
        low, high: Ends of the interval, low ≤ high.
    """

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2


def wilson(successes: float, trials: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, "Probable inference"), also for effective (fractional) counts.

    Args:
        successes: Between 0 and `trials`.
        trials: n ≥ 0; with none, nothing is known and the interval is [0, 1].
        confidence: Of the two-sided interval, in (0, 1).
    """
    from scipy.stats import norm

    if trials <= 0:
        return Interval(0.0, 1.0)
    z = float(norm.ppf(0.5 + confidence / 2))
    share = successes / trials
    centre = (successes + z**2 / 2) / (trials + z**2)
    half = z / (trials + z**2) * math.sqrt(trials * share * (1 - share) + z**2 / 4)
    # At no or only successes the end is 0 or 1 exactly; rounding would leave it beside.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if successes == trials else min(1.0, centre + half))


def clustered_wilson(
    outcomes: ArrayLike, groups: Sequence[Hashable] | None = None, *, confidence: float = 0.95
) -> Interval:
    """Wilson interval of the mean of `outcomes` when images of one patient resemble each other.

    The number of images is replaced by an effective one (Korn and Graubard 1998, as reviewed for the Wilson interval
    by Franco et al. 2019): n / deff · (t_{n−1} / t_{G−1})². The design effect deff is the between-patient (linearized)
    variance of the mean over the variance that independent images would have, taken as at least 1; t are quantiles of
    Student's distribution. Where all outcomes agree deff cannot be estimated, and images of a patient count as copies
    of each other (Kish 1965): n_eff = n² / Σ n_g². With one image a patient this is the Wilson interval itself.

    Args:
        outcomes: N booleans.
        groups: The patient of each image; None means that images are independent.
        confidence: Of the two-sided interval, in (0, 1).
    """
    values = np.asarray(outcomes, dtype=np.float64)
    count = len(values)
    if groups is None or count == 0:
        return wilson(float(values.sum()), count, confidence=confidence)
    effective = _effective_count(values, group_numbers(groups), confidence)
    return wilson(float(values.mean()) * effective, effective, confidence=confidence)


def _effective_count(values: Floats, group: NDArray[np.int64], confidence: float) -> float:
    from scipy.stats import t

    count, sizes = len(values), np.bincount(group)
    patients = len(sizes)
    share = float(values.mean())
    if patients == 1:
        return 1.0
    if share in (0.0, 1.0):
        return count**2 / float((sizes**2).sum())
    totals = np.bincount(group, weights=values - share)
    clustered = patients / (patients - 1) * float((totals**2).sum()) / count**2
    independent = share * (1 - share) / (count - 1)
    quantile = 0.5 + confidence / 2
    widening = float(t.ppf(quantile, count - 1) / t.ppf(quantile, patients - 1))
    return count / max(1.0, clustered / independent) * widening**2


def group_numbers(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Groups numbered 0, 1, … in order of first appearance: [N]."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Exact one-sided McNemar test: p-value of "`first` does not succeed more often than `second`".

    Only samples on which the two differ count; given their number, the successes of `first` among them are binomial
    with probability one half (McNemar 1947).

    Args:
        first, second: N booleans each; entry i of both belongs to one sample.

    Returns:
        p in (0, 1]; 1 when the two never differ.
    """
    from scipy.stats import binom

    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    return float(binom.sf(only_first - 1, only_first + only_second, 0.5))


def bootstrap_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Interval | None:
    """Percentile interval of the AUC when whole groups are drawn with replacement (Efron and Tibshirani 1993, ch. 13).

    Where the classes do not overlap at all, every resample has AUC 0 or 1 and the interval has no width; it then
    says nothing about how many samples there were.

    Args:
        labels: N booleans, True for the class that should score higher.
        scores: N numbers.
        groups: The source image or patient of each score; None means that scores are independent.
        seed: Of the resampling.
        resamples: How many times to draw.
        confidence: Of the two-sided interval, in (0, 1).

    Returns:
        None when a class is missing from `labels`.
    """
    positive = np.asarray(labels, dtype=bool)
    if positive.all() or not positive.any():
        return None
    group = np.arange(len(positive)) if groups is None else group_numbers(groups)
    count = int(group.max()) + 1
    order = np.argsort(np.asarray(scores, dtype=np.float64), kind="stable")
    ties = np.unique(np.asarray(scores, dtype=np.float64)[order], return_index=True)[1]
    rng = np.random.default_rng(seed)
    areas = []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        draws = min(_RESAMPLES_AT_ONCE, resamples - start)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=draws)[:, group[order]]
        areas.append(_weighted_auc(weights, positive[order], ties))
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(np.concatenate(areas), [tail, 1 - tail])
    return Interval(float(low), float(high))


def _weighted_auc(weights: NDArray[np.int64], positive: NDArray[np.bool_], ties: NDArray[np.int64]) -> Floats:
    """Mann–Whitney AUC of each row of `weights` over samples sorted by score; NaN where a class drew no weight."""
    above = np.add.reduceat(weights * positive, ties, axis=1).astype(np.float64)
    below = np.add.reduceat(weights * ~positive, ties, axis=1).astype(np.float64)
    lower = below.cumsum(axis=1) - below / 2
    pairs = above.sum(axis=1) * below.sum(axis=1)
    wins = (above * lower).sum(axis=1)
    return np.asarray(np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0), dtype=np.float64)
