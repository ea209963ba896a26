"""Uncertainty of proportions in closed form, with or without patients, and a paired test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.sign_test import sign_test

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    interval: Interval


def wilson(successes: float, trials: float, *, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927, "Probable inference"), also for effective (fractional) counts.

    Args:
        successes: Between 0 and `trials`.
        trials: n ≥ 0; with none, nothing is known and the interval is [0, 1].
        confidence: Of the two-sided interval, in (0, 1).
    """
    if trials <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
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


def mean_of_proportions(shares: Sequence[Estimate]) -> Estimate:
    """The mean of proportions of disjoint samples, e.g. of the classes' recalls, which is balanced accuracy.

    Each proportion's own interval says how far it may lie off; the distances add as variances do (MOVER: Zou, Huang and
    Zhang 2009, "A note on confidence interval estimation for a linear function of binomial proportions", eq. 5):
    low = p̄ − √Σ(p_c − l_c)² / K, high = p̄ + √Σ(u_c − p_c)² / K.

    Args:
        shares: K ≥ 1 proportions with their intervals.
    """
    count = len(shares)
    mean = sum(share.value for share in shares) / count
    below = math.sqrt(sum((share.value - share.interval.low) ** 2 for share in shares)) / count
    above = math.sqrt(sum((share.interval.high - share.value) ** 2 for share in shares)) / count
    return Estimate(mean, Interval(max(0.0, mean - below), min(1.0, mean + above)))


def mean_of_dependent(shares: Sequence[Estimate]) -> Estimate:
    """The mean of proportions that share images: the ends are averaged, the widest that any dependence allows."""
    count = len(shares)
    low, high = (sum(end) / count for end in zip(*((s.interval.low, s.interval.high) for s in shares), strict=True))
    return Estimate(sum(share.value for share in shares) / count, Interval(low, high))


def share_of(hits: ArrayLike, groups: Sequence[Hashable] | None = None) -> Estimate:
    """The share of hits, at least one image, with its clustered Wilson interval."""
    values = np.asarray(hits, dtype=bool)
    return Estimate(float(values.mean()), clustered_wilson(values, groups))


def mean_of(
    values: ArrayLike, groups: Sequence[Hashable] | None = None, *, least: float = -math.inf, most: float = math.inf
) -> Estimate:
    """The mean of numbers, at least one, with its 95 % t-interval, when images of one patient resemble each other.

    The variance is the between-patient (linearized) one, G / (G − 1) · Σ_g (Σ_{i in g} (x_i − x̄))² / n², with the
    quantile of Student's distribution at G − 1 degrees of freedom; without patients it is the textbook s² / n. Of one
    patient nothing is known, and the interval is all that is possible.

    Args:
        values: N numbers.
        groups: The patient of each; None means that they are independent.
        least, most: Between which a mean must lie.
    """
    numbers = np.asarray(values, dtype=np.float64)
    group = np.arange(len(numbers)) if groups is None else group_numbers(groups)
    mean, patients = float(numbers.mean()), int(group.max()) + 1
    if patients == 1:
        return Estimate(mean, Interval(least, most))
    totals = np.bincount(group, weights=numbers - mean)
    variance = patients / (patients - 1) * float((totals**2).sum()) / len(numbers) ** 2
    half = _student_quantile(patients - 1, 0.975) * math.sqrt(variance)
    return Estimate(mean, Interval(max(least, mean - half), min(most, mean + half)))


def _effective_count(values: Floats, group: NDArray[np.int64], confidence: float) -> float:
    count, sizes = len(values), np.bincount(group)
    patients = len(sizes)
    share = float(values.mean())
    if patients in (1, count):
        return float(patients)
    if share in (0.0, 1.0):
        return count**2 / float((sizes**2).sum())
    totals = np.bincount(group, weights=values - share)
    clustered = patients / (patients - 1) * float((totals**2).sum()) / count**2
    independent = share * (1 - share) / (count - 1)
    quantile = 0.5 + confidence / 2
    widening = _student_quantile(count - 1, quantile) / _student_quantile(patients - 1, quantile)
    return count / max(1.0, clustered / independent) * widening**2


def _student_quantile(freedom: int, probability: float) -> float:
    """Quantile of Student's t distribution with `freedom` ≥ 1 degrees of freedom."""
    # Imported here since it takes a tenth of a second, and a first screen without patients does not need it.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


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
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    return sign_test(only_first, only_second)
