"""How well a detector tells adversarial images from harmless ones, and what still gets through."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.clinical import area_under_roc
from benchmark.evaluation.intervals import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DetectorScores:
    """A detector's scores, higher = more adversarial. Rows of the evaluation sets belong together.

    Attributes:
        calibration: Clean images that the detector was not fitted on and that are not evaluated; thresholds and the
            centre of the two-sided score come from them alone.
        clean, noisy, adversarial: [N] scores of the evaluation images; row i of all three has one source.
        fooled: [N] whether adversarial image i is misclassified.
        groups: [N] source patient (or image) of row i; None means that every row is a patient of its own.
        calibration_groups: The same of the calibration images.
        stored: [N] scores of the adversarial images as a file holds them; None where there are none.
        moved: [N] scores of the clean images moved, so that no file holds them; None where there are none.
    """

    calibration: Floats
    clean: Floats
    noisy: Floats
    adversarial: Floats
    fooled: NDArray[np.bool_]
    groups: Sequence[Hashable] | None = None
    calibration_groups: Sequence[Hashable] | None = None
    stored: Floats | None = None
    moved: Floats | None = None


@dataclass(frozen=True)
class OperatingPoint:
    """A detector that flags scores above a threshold; None where there is nothing to count.

    Attributes:
        nominal: Share of clean images that may be flagged, as asked for.
        threshold: Scores above it are flagged.
        clean, noisy, moved: Share of clean (noisy, moved) evaluation images that are flagged.
        adversarial, stored: Share of adversarial images that are flagged (TPR), as submitted and as stored.
        joint_success: Share of adversarial images that are misclassified and not flagged.
    """

    nominal: float
    threshold: float | None
    clean: Estimate | None
    noisy: Estimate | None
    moved: Estimate | None
    adversarial: Estimate | None
    stored: Estimate | None
    joint_success: Estimate | None


@dataclass(frozen=True)
class Detection:
    """Everything reported of one detector against one attack; None where a class of images is missing.

    Negatives are clean and noisy images, positives adversarial ones. Intervals: `detection_bootstrap.py`.

    Attributes:
        auc: One-sided area under the ROC curve.
        auc_two_sided: AUC of the distance from the median clean score. An attack that lands far on the clean side has
            a low `auc` but has not hidden from a defender who looks at both sides.
        auc_fooled: One-sided AUC with only the misclassified adversarial images as positives.
        at_10, at_5: Operating points at 10 % and 5 % false positives; `at_10.adversarial` is TPR@90.
    """

    auc: Estimate | None
    auc_two_sided: Estimate | None
    auc_fooled: Estimate | None
    at_10: OperatingPoint
    at_5: OperatingPoint

    def no_credit(self) -> str:
        """Why what the detector finds is no attack; empty where nothing says so.

        A detector has something to answer for where it flags more adversarial images than it may flag clean ones.
        Clean images that were only moved are no attack: where it flags clearly more of them than of the same images
        in place, by at least half of what adversarial images add, it knows the files. And an attack is one
        still when its image is stored: where rounding to a file's steps takes away more than half of what it finds, it
        sees the numbers between the steps.
        """
        for point in (self.at_10, self.at_5):
            found, clean, moved, stored = point.adversarial, point.clean, point.moved, point.stored
            if found is None or found.interval.low <= point.nominal:
                continue
            excess = (found.value - point.nominal) / 2
            if (
                moved is not None
                and clean is not None
                and _clearly_above(moved, clean, (found.value - clean.value) / 2)
            ):
                return "recognises files, not attacks"
            if stored is not None and stored.value - point.nominal < excess and stored.interval.high < found.value:
                return "sees what no file can hold, not attacks"
        return ""


def _clearly_above(one: Estimate, other: Estimate, least: float) -> bool:
    """Whether two shares are told apart by their intervals, and differ by `least` or more."""
    return one.interval.low > other.interval.high and one.value - other.value >= least


def auc(negatives: ArrayLike, positives: ArrayLike) -> float | None:
    """Probability that a positive scores higher than a negative, ties counting half; None when either is empty."""
    labels, values = labelled(np.asarray(negatives), np.asarray(positives))
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


def labelled(negatives: Floats, positives: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """(whether positive, score) of negatives and positives together."""
    labels = np.repeat([False, True], [len(negatives), len(positives)])
    return labels, np.concatenate([negatives, positives])
