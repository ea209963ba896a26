"""The contract of a detector of adversarial images."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat, from_numpy, nn

from benchmark.core.arrays import Floats, Integers
from benchmark.core.plugin import Plugin

__all__ = ["Detector", "DetectorData", "FeatureSet", "Floats", "Integers"]


@dataclass(frozen=True)
class FeatureSet:
    """What a detector sees of N images: their features in the classifier that it watches.

    Attributes:
        images: float32 [N, C, H, W] in [0, 1], on the CPU; of the reference, which may be large, the uint8 pixels.
        layers: For each activation layer, its channel means: [N, C_l].
        penultimate: Input of the last linear layer: [N, D].
        logits: [N, K].
        classifier: The frozen classifier itself, for detectors that need its gradient or its dropout.
    """

    images: Tensor
    layers: tuple[Floats, ...]
    penultimate: Floats
    logits: Floats
    classifier: nn.Module

    def __len__(self) -> int:
        return len(self.penultimate)

    def take(self, rows: NDArray[np.bool_] | Integers) -> FeatureSet:
        """The features of some of the images."""
        return replace(
            self,
            images=self.images[from_numpy(rows)],
            layers=tuple(layer[rows] for layer in self.layers),
            penultimate=self.penultimate[rows],
            logits=self.logits[rows],
        )

    @staticmethod
    def concatenate(parts: list[FeatureSet]) -> FeatureSet:
        """The features of several sets of images, one after another, in one classifier."""
        return FeatureSet(
            images=cat([part.images for part in parts]),
            layers=tuple(np.concatenate(layer) for layer in zip(*(part.layers for part in parts), strict=True)),
            penultimate=np.concatenate([part.penultimate for part in parts]),
            logits=np.concatenate([part.logits for part in parts]),
            classifier=parts[0].classifier,
        )

    @property
    def predictions(self) -> Integers:
        """Predicted class of each image: [N]."""
        return np.asarray(self.logits.argmax(1), dtype=np.int64)


@dataclass(frozen=True)
class DetectorData:
    """What a detector may learn from. No image that it is later scored on is in it.

    Attributes:
        reference, reference_labels: Clean images of the classifier's training split, for density models.
        clean, noisy, adversarial: The AdvTrain images: row i of the three comes from one source image. `noisy` has
            random noise of the attack's own size; it counts as not adversarial.
        groups: [N] the source patient (or image) of row i, so that cross-validation keeps them together.
        seed: Seed of every random number used in fitting.
    """

    reference: FeatureSet
    reference_labels: Integers
    clean: FeatureSet
    noisy: FeatureSet
    adversarial: FeatureSet
    groups: Integers
    seed: int


class Detector(Plugin):
    """Scores how adversarial an image looks; higher is more adversarial.

    The constructor stores settings; `fit` sets learned attributes, whose names end in an underscore.

    Class attributes:
        supervised: Learns from adversarial examples (of the attack named in the row), not from clean images alone.
        minimum_reference: Fewest clean reference images of a class that it can be fitted on.
    """

    kind = "detector"
    supervised: ClassVar[bool] = False
    minimum_reference: ClassVar[int] = 2

    @abstractmethod
    def fit(self, data: DetectorData) -> None:
        """Learn what normal features look like, and what adversarial ones do where `supervised`."""
        raise NotImplementedError

    @abstractmethod
    def score(self, features: FeatureSet) -> Floats:
        """One score per image: [N], finite, higher = more adversarial."""
        raise NotImplementedError

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor | None:
        """The score, or a stand-in that ranks images alike, with a gradient; for attacks that know the detector.

        Args:
            layers, penultimate, logits: As in `FeatureSet`, on any device, with gradients to the image.

        Returns:
            One score per image [N]; None, the default, where there is none, so that attacks query `score` instead.
        """
        return None
