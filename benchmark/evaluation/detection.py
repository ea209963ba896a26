"""How well a detector tells adversarial images from harmless ones, and what still gets through."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.clinical import area_under_roc
from benchmark.evaluation.intervals import Interval, bootstrap_auc, clustered_wilson

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DetectorScores:
    """A detector's scores, higher = more adversarial. Rows of the three evaluation sets belong together.

    Attributes:
        calibration: Clean images that the detector was not fitted on and that are not evaluated; thresholds and the
            centre of the two-sided score come from them alone.
        clean, noisy, adversarial: [N] scores of the evaluation images; row i of all three has one source.
        fooled: [N] whether adversarial image i is misclassified.
        groups: [N] source patient (or image) of row i; None means that every row is a patient of its own.
    """

    calibration: Floats
    clean: Floats
    noisy: Floats
    adversarial: Floats
    fooled: NDArray[np.bool_]
    groups: Sequence[Hashable] | None = None


@dataclass(frozen=True)
class OperatingPoint:
    """A detector that flags scores above a threshold; None where there is nothing to count.

    Attributes:
        nominal: Share of clean images that may be flagged, as asked for.
        threshold: Scores above it are flagged.
        clean, noisy: Share of clean (noisy) evaluation images that are flagged.
        adversarial: Share of adversarial images that are flagged (TPR).
        adversarial_interval: 95 % interval of it.
        joint_success: Share of adversarial images that are misclassified and not flagged.
        joint_success_interval: 95 % interval of it.
    """

    nominal: float
    threshold: float | None
    clean: float | None
    noisy: float | None
    adversarial: float | None
    adversarial_interval: Interval | None
    joint_success: float | None
    joint_success_interval: Interval | None


@dataclass(frozen=True)
class Detection:
    """Everything reported of one detector against one attack; None where a class of images is missing.

    Negatives are clean and noisy images, positives adversarial ones.

    Attributes:
        auc: One-sided area under the ROC curve.
        auc_interval: 95 % bootstrap interval of it, by source.
        auc_two_sided: AUC of the distance from the median clean score. An attack that lands far on the clean side has
            a low `auc` but has not hidden from a defender who looks at both sides.
        auc_fooled: One-sided AUC with only the misclassified adversarial images as positives.
        at_10, at_5: Operating points at 10 % and 5 % false positives; `at_10.adversarial` is TPR@90.
    """

    auc: float | None
    auc_interval: Interval | None
    auc_two_sided: float | None
    auc_fooled: float | None
    at_10: OperatingPoint
    at_5: OperatingPoint


def evaluate_detection(scores: DetectorScores, *, seed: int) -> Detection:
    """All detection metrics of one cell; a missing class gives None for what needs it.

    Args:
        scores: The detector's scores.
        seed: Of the bootstrap.
    """
    negatives = np.concatenate([scores.clean, scores.noisy])
    centred = [two_sided(part, scores.calibration) for part in (negatives, scores.adversarial)]
    groups = list(range(len(scores.adversarial))) if scores.groups is None else list(scores.groups)
    labels, values = _labelled(negatives, scores.adversarial)
    aligned = len(scores.clean) == len(scores.noisy) == len(groups)
    interval = bootstrap_auc(labels, values, groups * 3, seed=seed) if aligned else None
    return Detection(
        auc=auc(negatives, scores.adversarial),
        auc_interval=interval,
        auc_two_sided=None if centred[0] is None or centred[1] is None else auc(centred[0], centred[1]),
        auc_fooled=auc(negatives, scores.adversarial[scores.fooled]),
        at_10=operating_point(scores, nominal=0.10),
        at_5=operating_point(scores, nominal=0.05),
    )


def auc(negatives: ArrayLike, positives: ArrayLike) -> float | None:
    """Probability that a positive scores higher than a negative, ties counting half; None when either is empty."""
    labels, values = _labelled(np.asarray(negatives), np.asarray(positives))
    return area_under_roc(labels, values)


def two_sided(scores: ArrayLike, calibration: ArrayLike) -> Floats | None:
    """|score − median clean score|: far from clean on either side; None without calibration scores."""
    clean = np.asarray(calibration, dtype=np.float64)
    return np.abs(np.asarray(scores, dtype=np.float64) - np.median(clean)) if len(clean) else None


def threshold_at(calibration: ArrayLike, *, true_negative_rate: float) -> float | None:
    """The clean score above which at most 1 − `true_negative_rate` of the calibration scores lie.

    The next higher score is taken rather than one interpolated, so the rate is kept on the calibration images whatever
    their number. None without calibration scores.
    """
    clean = np.asarray(calibration, dtype=np.float64)
    return float(np.quantile(clean, true_negative_rate, method="higher")) if len(clean) else None


def operating_point(scores: DetectorScores, *, nominal: float) -> OperatingPoint:
    """What happens when the detector may flag a share `nominal` of clean images."""
    threshold = threshold_at(scores.calibration, true_negative_rate=1 - nominal)
    if threshold is None:
        return OperatingPoint(nominal, None, None, None, None, None, None, None)
    flagged = scores.adversarial > threshold
    through = scores.fooled & ~flagged
    return OperatingPoint(
        nominal=nominal,
        threshold=threshold,
        clean=_share(scores.clean > threshold),
        noisy=_share(scores.noisy > threshold),
        adversarial=_share(flagged),
        adversarial_interval=clustered_wilson(flagged, scores.groups) if len(flagged) else None,
        joint_success=_share(through),
        joint_success_interval=clustered_wilson(through, scores.groups) if len(flagged) else None,
    )


def _share(hits: NDArray[np.bool_]) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _labelled(negatives: Floats, positives: Floats) -> tuple[NDArray[np.bool_], Floats]:
    labels = np.repeat([False, True], [len(negatives), len(positives)])
    return labels, np.concatenate([negatives, positives])
