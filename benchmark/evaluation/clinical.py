"""What the answers mean for patients: missed disease and false alarm apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class ClinicalMetrics:
    """Clinical metrics of one set of answers; None where the labels do not allow one.

    With two classes, label 1 is the disease. With K > 2 classes each metric is the mean over the K one-vs-rest
    problems, every class counting the same, and is None unless every class occurs.

    Attributes:
        sensitivity: Share of the diseased who are called diseased.
        specificity: Share of the healthy who are called healthy.
        balanced_accuracy: Mean over classes of the share of the class that is recognised.
        auroc: Probability that a diseased image scores higher than a healthy one; ties count half.
    """

    sensitivity: float | None
    specificity: float | None
    balanced_accuracy: float | None
    auroc: float | None


def clinical_metrics(
    labels: ArrayLike, predictions: ArrayLike, disease_scores: ArrayLike, *, classes: int
) -> ClinicalMetrics:
    """Clinical metrics from the decisions at the operating point and the scores behind them.

    Args:
        labels: N integers below `classes`.
        predictions: N integers, the deployed decision on each image.
        disease_scores: [N], higher = more likely diseased, for two classes; [N, K] class scores for more. Any monotone
            scale will do. If one is NaN the AUROC is None.
        classes: K ≥ 2.
    """
    truth, answer = np.asarray(labels), np.asarray(predictions)
    scores = np.asarray(disease_scores, dtype=np.float64)
    sensitivities = [_share(answer[truth == c] == c) for c in range(classes)]
    if classes == 2:
        specificity, sensitivity = sensitivities
        return ClinicalMetrics(sensitivity, specificity, _mean(sensitivities), area_under_roc(truth == 1, scores))
    specificities = [_share(answer[truth != c] != c) for c in range(classes)]
    if any(s is None for s in sensitivities):
        return ClinicalMetrics(None, None, None, None)
    areas = [area_under_roc(truth == c, scores[:, c]) for c in range(classes)]
    recall = _mean(sensitivities)
    return ClinicalMetrics(recall, _mean(specificities), recall, _mean(areas))


def area_under_roc(positive: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve; infinite scores rank first or last, ties count half.

    Args:
        positive: N booleans.
        scores: N numbers.

    Returns:
        None when a class is missing or a score is NaN.
    """
    from sklearn.metrics import roc_auc_score

    truth, values = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    if truth.all() or not truth.any() or np.isnan(values).any():
        return None
    return float(roc_auc_score(truth, np.unique(values, return_inverse=True)[1]))


def _share(hits: NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
