"""What the answers mean for patients: missed disease and false alarm apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.bootstrap import auc_interval, group_weights, percentile, resampled_auc
from benchmark.evaluation.intervals import (
    Estimate,
    group_numbers,
    mean_of_dependent,
    mean_of_proportions,
    share_of,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClinicalMetrics:
    """Clinical metrics of one set of answers with 95 % intervals; None where the labels do not allow one.

    With two classes, label 1 is the disease. With K > 2 classes each metric is the mean over the K one-vs-rest
    problems, every class counting the same, and is None unless every class occurs.

    Attributes:
        sensitivity: Share of the diseased who are called diseased.
        specificity: Share of the healthy who are called healthy.
        balanced_accuracy: Mean over classes of the share of the class that is recognised.
        auroc: Probability that a diseased image scores higher than a healthy one; ties count half.
    """

    sensitivity: Estimate | None
    specificity: Estimate | None
    balanced_accuracy: Estimate | None
    auroc: Estimate | None


def clinical_metrics(
    labels: ArrayLike,
    predictions: ArrayLike,
    disease_scores: ArrayLike,
    *,
    classes: int,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> ClinicalMetrics:
    """Clinical metrics from the decisions at the operating point and the scores behind them.

    Args:
        labels: N integers below `classes`.
        predictions: N integers, the deployed decision on each image.
        disease_scores: [N], higher = more likely diseased, for two classes; [N, K] class scores for more. Any monotone
            scale will do. If one is NaN the AUROC is None.
        classes: K ≥ 2.
        groups: The patient of each image; None means that images are independent.
        seed: Of the AUROC's bootstrap.
    """
    truth, answer = np.asarray(labels), np.asarray(predictions)
    scores = np.asarray(disease_scores, dtype=np.float64)
    patients = np.arange(len(truth)) if groups is None else group_numbers(groups)
    recalls = [_share(answer == c, truth == c, patients) for c in range(classes)]
    balanced = class_mean(recalls)
    if classes == 2:
        area = _mean_area([truth == 1], [scores], patients, seed)
        return ClinicalMetrics(recalls[1], recalls[0], balanced, area)
    if balanced is None:
        return ClinicalMetrics(None, None, None, None)
    specificities = [_share(answer != c, truth != c, patients) for c in range(classes)]
    area = _mean_area([truth == c for c in range(classes)], list(scores.T), patients, seed)
    return ClinicalMetrics(balanced, mean_of_dependent([s for s in specificities if s]), balanced, area)


def balanced_accuracy(
    hits: ArrayLike, labels: ArrayLike, groups: Sequence[Hashable], *, classes: int
) -> Estimate | None:
    """Mean over classes of the share of hits of the class, with its interval; None unless every class occurs.

    An answer that looks at no image hits all of one class and none of the others: 1/K, whatever it says.

    Args:
        hits: N booleans.
        labels: N integers below `classes`.
        groups: The patient of each image.
        classes: K ≥ 2.
    """
    right, truth, patients = np.asarray(hits, dtype=bool), np.asarray(labels), group_numbers(groups)
    return class_mean([_share(right, truth == c, patients) for c in range(classes)])


def class_mean(recalls: Sequence[Estimate | None]) -> Estimate | None:
    """The mean of the classes' shares; None where a class has none. Classes count as different patients."""
    known = [recall for recall in recalls if recall is not None]
    return mean_of_proportions(known) if len(known) == len(recalls) else None


def area_under_roc(positive: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve by trapezoids; infinite scores rank first or last, ties count half.

    The same to the last digit as scikit-learn's `roc_auc_score`, whose import takes longer than to print a board.

    Args:
        positive: N booleans.
        scores: N numbers.

    Returns:
        None when a class is missing or a score is NaN.
    """
    truth, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    if truth.all() or not truth.any() or np.isnan(values).any():
        return None
    order = np.argsort(np.unique(values, return_inverse=True)[1], kind="stable")[::-1]
    last = np.append(values[order][1:] != values[order][:-1], True).nonzero()[0]
    hits = np.cumsum(truth[order], dtype=np.float64)[last]
    false = 1 + last - hits
    # Points on a line add nothing but rounding.
    corner = np.ones(len(last), dtype=bool)
    corner[1:-1] = (np.diff(false, 2) != 0) | (np.diff(hits, 2) != 0)
    x, y = (np.append(0, count[corner]) / count[-1] for count in (false, hits))
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_], patients: NDArray[np.int64]) -> Estimate | None:
    return share_of(hits[among], patients[among].tolist()) if among.any() else None


def _mean_area(
    positives: list[NDArray[np.bool_]], scores: list[Floats], patients: NDArray[np.int64], seed: int
) -> Estimate | None:
    """Mean of the problems' AUCs; whole patients are drawn again, the same for every problem."""
    areas = [area_under_roc(positive, values) for positive, values in zip(positives, scores, strict=True)]
    known = [area for area in areas if area is not None]
    if len(known) < len(areas):
        return None
    weights = group_weights(int(patients.max()) + 1, np.random.default_rng(seed))
    drawn = [resampled_auc(p, s, patients, weights) for p, s in zip(positives, scores, strict=True)]
    one = len(drawn) == 1
    interval = auc_interval(drawn[0], positives[0], patients) if one else percentile(np.mean(drawn, axis=0))
    return None if interval is None else Estimate(sum(known) / len(known), interval)
