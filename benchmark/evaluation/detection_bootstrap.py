"""A detector's metrics with intervals that know that the threshold was estimated, too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation.bootstrap import RESAMPLES, auc_interval, group_weights, percentile, resampled_auc
from benchmark.evaluation.clinical import area_under_roc
from benchmark.evaluation.detection import (
    Detection,
    DetectorScores,
    OperatingPoint,
    labelled,
    threshold_at,
    two_sided,
)
from benchmark.evaluation.intervals import Estimate, Interval, clustered_wilson, group_numbers

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


def evaluate_detection(scores: DetectorScores, *, seed: int, resamples: int = RESAMPLES) -> Detection:
    """All detection metrics of one cell; a missing class gives None for what needs it.

    Calibration and test images are drawn again apart from each other, whole patients at a time, and each draw sets its
    own threshold and its own centre. An interval of a share is never narrower than the clustered Wilson interval, which
    takes the threshold as known: where every image is flagged, or none, the draws alone would leave no width.

    Args:
        scores: The detector's scores.
        seed: Of the bootstrap.
        resamples: How many times to draw.
    """
    drawn = _Resamples(scores, seed, resamples)
    return Detection(
        auc=drawn.area(scores.adversarial),
        auc_two_sided=drawn.two_sided_area(),
        auc_fooled=drawn.area(scores.adversarial[scores.fooled], scores.fooled),
        at_10=drawn.operating_point(0.10),
        at_5=drawn.operating_point(0.05),
    )


class _Resamples:
    """The scores of one cell and what was drawn of them.

    Attributes:
        test: [resamples, G] how often each group of the test images was drawn; `group` says which is whose.
        images: [resamples, N] how often each test image was drawn.
        calibration: [resamples, N] how often each calibration image was drawn, in ascending order of the scores.
    """

    def __init__(self, scores: DetectorScores, seed: int, resamples: int) -> None:
        rng = np.random.default_rng(seed)
        self.scores = scores
        self.group = _numbers(scores.groups, len(scores.adversarial))
        self.test = _draw(self.group, rng, resamples)
        self.images = self.test[:, self.group].astype(np.int32)
        own = _numbers(scores.calibration_groups, len(scores.calibration))
        order = np.argsort(scores.calibration, kind="stable")
        self.sorted = scores.calibration[order]
        self.calibration = _draw(own, rng, resamples)[:, own[order]]
        self.negatives = np.concatenate([scores.clean, scores.noisy])
        self.aligned = len(scores.clean) == len(scores.noisy) == len(self.group) > 0

    def area(self, positives: Floats, which: NDArray[np.bool_] | None = None) -> Estimate | None:
        """AUC of `positives`, the scores of the adversarial images or of `which` of them."""
        labels, values = labelled(self.negatives, positives)
        area = area_under_roc(labels, values)
        if area is None or not self.aligned:
            return None
        group = self._groups(which)
        interval = auc_interval(resampled_auc(labels, values, group, self.test), labels, group)
        return None if interval is None else Estimate(area, interval)

    def two_sided_area(self) -> Estimate | None:
        """AUC of the distance from the median of each draw's calibration scores."""
        centred = [two_sided(part, self.sorted) for part in (self.negatives, self.scores.adversarial)]
        if centred[0] is None or centred[1] is None or not self.aligned:
            return None
        area = area_under_roc(*labelled(centred[0], centred[1]))
        labels, values = labelled(self.negatives, self.scores.adversarial)
        group, areas = self._groups(None), np.empty(len(self.test))
        medians, which = np.unique(self._medians(), return_inverse=True)
        for number, median in enumerate(medians):
            rows = which == number
            areas[rows] = resampled_auc(labels, np.abs(values - median), group, self.test[rows])
        interval = auc_interval(areas, labels, group)
        return None if area is None or interval is None else Estimate(area, interval)

    def operating_point(self, nominal: float) -> OperatingPoint:
        """What happens when the detector may flag a share `nominal` of clean images."""
        scores = self.scores
        threshold = threshold_at(scores.calibration, true_negative_rate=1 - nominal)
        if threshold is None:
            return OperatingPoint(nominal, None, None, None, None, None, None, None)
        # The score of rank ⌈(1 − nominal)(n − 1)⌉ among the n that were drawn, as `threshold_at` takes it.
        thresholds = self._order_statistic(np.ceil((1 - nominal) * (self.calibration.sum(axis=1) - 1)))

        def flagged(values: Floats | None) -> Estimate | None:
            if values is None or not len(values) or len(values) != len(self.group):
                return None
            return self._share(values > threshold, values > thresholds[:, None])

        through = None
        if len(scores.adversarial):
            unseen = scores.fooled & (scores.adversarial <= threshold)
            through = self._share(unseen, scores.fooled & (scores.adversarial <= thresholds[:, None]))
        return OperatingPoint(
            nominal=nominal,
            threshold=threshold,
            clean=flagged(scores.clean),
            noisy=flagged(scores.noisy),
            moved=flagged(scores.moved),
            adversarial=flagged(scores.adversarial),
            stored=flagged(scores.stored),
            joint_success=through,
        )

    def _share(self, hits: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> Estimate:
        """Share of `hits` [N] among the images; `drawn` [resamples, N] are the hits at each draw's threshold."""
        shares = np.einsum("bn,bn->b", self.images, drawn.view(np.int8)) / self.images.sum(axis=1)
        known, around = clustered_wilson(hits, self.group.tolist()), percentile(shares)
        assert around is not None
        return Estimate(float(hits.mean()), Interval(min(around.low, known.low), max(around.high, known.high)))

    def _groups(self, which: NDArray[np.bool_] | None) -> Groups:
        return np.concatenate([self.group, self.group, self.group if which is None else self.group[which]])

    def _medians(self) -> Floats:
        count = self.calibration.sum(axis=1)
        return (self._order_statistic((count - 1) // 2) + self._order_statistic(count // 2)) / 2

    def _order_statistic(self, rank: NDArray[np.generic]) -> Floats:
        """The score of rank 0, 1, … among those that each resample drew: [resamples]."""
        place = (self.calibration.cumsum(axis=1) > rank[:, None]).argmax(axis=1)
        return np.asarray(self.sorted[place], dtype=np.float64)


def _numbers(groups: Sequence[Hashable] | None, count: int) -> Groups:
    return np.arange(count) if groups is None else group_numbers(groups)


def _draw(group: Groups, rng: np.random.Generator, resamples: int) -> NDArray[np.int64]:
    if not len(group):
        return np.zeros((resamples, 0), dtype=np.int64)
    return group_weights(int(group.max()) + 1, rng, resamples=resamples)
