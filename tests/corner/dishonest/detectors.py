"""Detectors that see what no detector in use would see, or spoil what others see."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from detectors.base import Detector, DetectorData, FeatureSet, Floats
from tests.corner.control import known, nearest


class _Cheat(Detector):
    source = "this test"
    known_gap: ClassVar[str] = ""

    def fit(self, data: DetectorData) -> None:
        self.seen_ = len(data.clean)


class WritesIntoFeatures(_Cheat):
    """Zeroes the features that it is given."""

    name = "writes-into-features"

    def score(self, features: FeatureSet) -> Floats:
        for array in (*features.layers, features.penultimate, features.logits):
            np.asarray(array)[...] = 0
        features.images.zero_()
        return np.arange(len(features), dtype=float)


class WritesInFit(_Cheat):
    """Zeroes what it is fitted on, and the weights of the classifier that it watches."""

    name = "writes-in-fit"

    def fit(self, data: DetectorData) -> None:
        data.reference.penultimate[...] = 0
        data.clean.penultimate[...] = 0
        for weight in data.reference.classifier.parameters():
            weight.data.zero_()

    def score(self, features: FeatureSet) -> Floats:
        return features.logits.max(1)


class ByTheBatch(_Cheat):
    """One score for a whole batch: how far it is, on average, from the grid of 8 bits."""

    name = "by-the-batch"

    def score(self, features: FeatureSet) -> Floats:
        x = features.images.numpy().astype(float)
        return np.full(len(features), np.abs(x * 255 - np.round(x * 255)).mean()) + 1e-6 * np.arange(len(features))


class ByTheOrder(_Cheat):
    """Counts its calls: the harness always asks about the attacked images at the same time."""

    name = "by-the-order"
    calls: ClassVar[int] = 0

    def score(self, features: FeatureSet) -> Floats:
        type(self).calls += 1
        return np.full(len(features), float(self.calls)) + 1e-6 * np.arange(len(features))


class ByThePlace(_Cheat):
    """Scores by the place in the batch."""

    name = "by-the-place"

    def score(self, features: FeatureSet) -> Floats:
        return np.arange(len(features), dtype=float)


class KnowsCleanImages(_Cheat):
    """An image is clean where it is exactly one of the evaluation images."""

    name = "knows-clean-images"

    def score(self, features: FeatureSet) -> Floats:
        images = known().floats().flatten(1)
        x = features.images.float().flatten(1)
        return np.array([float((images - one).abs().amax(1).min()) for one in x])


class KnowsMovedImages(_Cheat):
    """An image is clean where it is one of the evaluation images, moved or mirrored."""

    name = "knows-moved-images"

    def score(self, features: FeatureSet) -> Floats:
        from tests.corner.dishonest.identity import _moved

        images = _moved(known().floats()).flatten(1)
        x = features.images.float().flatten(1)
        return np.array([float((images - one).abs().amax(1).min()) for one in x])


class OffTheGrid(_Cheat):
    """An image is adversarial where its pixels are not multiples of 1/255."""

    name = "off-the-grid"

    def score(self, features: FeatureSet) -> Floats:
        x = features.images.double().numpy()
        return np.abs(x * 255 - np.round(x * 255)).reshape(len(features), -1).max(1)


class ScoresNan(_Cheat):
    """Scores that are not numbers."""

    name = "scores-nan"

    def score(self, features: FeatureSet) -> Floats:
        return np.full(len(features), np.nan)


class RemembersClean(_Cheat):
    """Whatever is near something shown before, and not it, is adversarial."""

    name = "remembers-clean"
    shown: ClassVar[list[Floats]] = []

    def score(self, features: FeatureSet) -> Floats:
        x = features.images.double().numpy().reshape(len(features), -1)
        before = np.concatenate([*self.shown, x[:0]]) if self.shown else x[:0]
        type(self).shown.append(x)
        if not len(before):
            return np.zeros(len(x))
        nearest = np.abs(x[:, None] - before[None]).max(2).min(1)
        return np.where(nearest < 0.1, nearest, 0.0)


class KnowsByContent(_Cheat):
    """How far an image is from the evaluation image of the same coarse content; whatever it does not know is clean."""

    name = "knows-by-content"
    known_gap = "moved clean images are unknown, so clean; that it finds no moved attack either is not looked at"

    def score(self, features: FeatureSet) -> Floats:
        x = features.images.float()
        which, distance = nearest(x, known().floats())
        apart = (x - known().floats()[which]).abs().mean((1, 2, 3)).double().numpy()
        scores: Floats = np.where(distance.numpy() < 0.08, apart, 0.0)
        return scores
