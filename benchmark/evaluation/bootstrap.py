"""Intervals by drawing whole patients (or images) again, with replacement."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.intervals import Interval, group_numbers, wilson

Floats = NDArray[np.float64]
Weights = NDArray[np.int64]
RESAMPLES = 1000
_AT_ONCE = 64


def group_weights(groups: int, rng: np.random.Generator, *, resamples: int = RESAMPLES) -> Weights:
    """How often each of `groups` is drawn in each resample: [resamples, groups], rows sum to `groups`."""
    drawn = rng.integers(groups, size=(resamples, groups))
    places = drawn + groups * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * groups).reshape(resamples, groups)


def percentile(values: ArrayLike, *, confidence: float = 0.95) -> Interval | None:
    """The middle `confidence` of bootstrap values, those that are NaN left out; None where all are."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))


def bootstrap_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """95 % percentile interval of the AUC when whole groups are drawn again (Efron and Tibshirani 1993, ch. 13).

    Where the classes do not overlap at all, every resample has the same AUC. The interval is then the Wilson interval
    of as many trials as the smaller class has groups, since Var(AUC) ≤ AUC (1 − AUC) / min(m, n) (Birnbaum and Klose
    1957).

    Args:
        labels: N booleans, True for the class that should score higher.
        scores: N numbers.
        groups: The source image or patient of each score; None means that scores are independent.
        seed: Of the resampling.
        resamples: How many times to draw.

    Returns:
        None when a class is missing from `labels`.
    """
    positive = np.asarray(labels, dtype=bool)
    if positive.all() or not positive.any():
        return None
    group = np.arange(len(positive)) if groups is None else group_numbers(groups)
    weights = group_weights(int(group.max()) + 1, np.random.default_rng(seed), resamples=resamples)
    areas = resampled_auc(positive, np.asarray(scores, dtype=np.float64), group, weights)
    return auc_interval(areas, positive, group)


def auc_interval(areas: Floats, positive: NDArray[np.bool_], group: NDArray[np.int64]) -> Interval | None:
    """Interval from the resampled areas of one AUC; see `bootstrap_auc` for areas that all agree."""
    found = percentile(areas)
    if found is None or found.low < found.high:
        return found
    trials = min(len(np.unique(group[positive])), len(np.unique(group[~positive])))
    return wilson(found.low * trials, trials)


def resampled_auc(positive: NDArray[np.bool_], scores: Floats, group: NDArray[np.int64], weights: Weights) -> Floats:
    """The AUC of each resample: [resamples]; NaN where a class drew no weight.

    Args:
        positive: [N] True for the class that should score higher.
        scores: [N] numbers.
        group: [N] column of `weights` that each score belongs to.
        weights: [resamples, groups].
    """
    order = np.argsort(scores, kind="stable")
    ties = np.unique(scores[order], return_index=True)[1]
    return np.concatenate([_weighted_auc(part[:, group[order]], positive[order], ties) for part in _parts(weights)])


def _parts(weights: Weights) -> Iterator[Weights]:
    return (weights[start : start + _AT_ONCE] for start in range(0, len(weights), _AT_ONCE))


def _weighted_auc(weights: Weights, positive: NDArray[np.bool_], ties: NDArray[np.int64]) -> Floats:
    """Mann–Whitney AUC of each row of `weights` over samples sorted by score; NaN where a class drew no weight."""
    above, below = (weights * side.astype(np.float64) for side in (positive, ~positive))
    if len(ties) < weights.shape[1]:
        above, below = (np.add.reduceat(side, ties, axis=1) for side in (above, below))
    lower = below.cumsum(axis=1) - below / 2
    pairs = above.sum(axis=1) * below.sum(axis=1)
    wins = (above * lower).sum(axis=1)
    return np.asarray(np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0), dtype=np.float64)
