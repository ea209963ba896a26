"""A detector that works on copies, so that it can change nobody else's numbers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.core.arrays import Floats
from benchmark.core.errors import UserError
from detectors.base import Detector, DetectorData, FeatureSet

_SETS, _ARRAYS = ("reference", "clean", "noisy", "adversarial"), ("reference_labels", "groups")


class IsolatedDetector:
    """A detector that is handed copies of images, features and classifier, and fails where it writes into them.

    Args:
        detector: The detector; a copy of it is fitted.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector = deepcopy(detector)
        self._classifiers: dict[int, tuple[nn.Module, nn.Module]] = {}

    def copied(self) -> IsolatedDetector:
        """One that is fitted alike and remembers nothing that this one sees from here on."""
        return IsolatedDetector(self.detector)

    def fit(self, data: DetectorData) -> None:
        """Fit the detector.

        Raises:
            UserError: It changed what it was given.
        """
        given = DetectorData(
            reference=self._handed(data.reference),
            reference_labels=data.reference_labels.copy(),
            clean=self._handed(data.clean),
            noisy=self._handed(data.noisy),
            adversarial=self._handed(data.adversarial),
            groups=data.groups.copy(),
            seed=data.seed,
        )
        self.detector.fit(given)
        kept = all(_same(getattr(given, name), getattr(data, name)) for name in _SETS)
        kept &= all(np.array_equal(getattr(given, name), getattr(data, name)) for name in _ARRAYS)
        self._check(kept, "is fitted on")

    def score(self, features: FeatureSet) -> Floats:
        """The detector's scores: [N].

        Raises:
            UserError: It changed what it was given, or gave something else than one finite number an image.
        """
        given = self._handed(features)
        values = np.array(self.detector.score(given), dtype=np.float64)
        self._check(_same(given, features), "scores")
        if values.shape != (len(features),) or not np.isfinite(values).all():
            raise UserError(
                f"gave scores of shape {values.shape} for {len(features)} images, or scores that are not finite",
                where=f"detector {self.detector.name}",
                remedy="give one finite number an image",
            )
        return values

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor | None:
        """The detector's own."""
        return self.detector.differentiable_score(layers, penultimate, logits)

    def _handed(self, features: FeatureSet) -> FeatureSet:
        return replace(
            features,
            images=features.images.clone(),
            layers=tuple(layer.copy() for layer in features.layers),
            penultimate=features.penultimate.copy(),
            logits=features.logits.copy(),
            classifier=self._own(features.classifier),
        )

    def _own(self, classifier: nn.Module) -> nn.Module:
        """A copy of the classifier, the same one at every call."""
        if id(classifier) not in self._classifiers:
            self._classifiers[id(classifier)] = classifier, deepcopy(classifier)
        return self._classifiers[id(classifier)][1]

    def _check(self, kept: bool, what: str) -> None:
        if kept and all(_same_state(own, classifier) for classifier, own in self._classifiers.values()):
            return
        raise UserError(
            f"changes the images, the features or the classifier that it {what}",
            where=f"detector {self.detector.name}",
            remedy="work on copies",
        )


def _same(one: FeatureSet, other: FeatureSet) -> bool:
    pairs = zip(
        (*one.layers, one.penultimate, one.logits), (*other.layers, other.penultimate, other.logits), strict=True
    )
    return torch.equal(one.images, other.images) and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def _same_state(one: nn.Module, other: nn.Module) -> bool:
    own, original = one.state_dict(), other.state_dict()
    return own.keys() == original.keys() and all(torch.equal(own[name], original[name]) for name in own)
