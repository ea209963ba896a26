"""A detector as it is fitted: what the step that scores it and the attack that deceives it share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from attacks.geometry.ball import perturbation_size
from attacks.geometry.stored import stored
from attacks.objectives.detector_score import KnownDetector
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.features import Features
from benchmark.core.images import LabeledImages
from benchmark.core.keys import CODE
from benchmark.core.noise import Noise
from benchmark.core.source import code_digest
from benchmark.core.threat import Norm
from benchmark.evaluation.views import moved
from benchmark.steps.base import Step
from benchmark.steps.calibration import gaussian_noise
from benchmark.steps.context import StepContext
from benchmark.steps.features import FeaturesStep, hidden_features
from benchmark.steps.isolated_detector import IsolatedDetector
from benchmark.steps.subset import detector_split
from detectors.base import Detector, DetectorData, FeatureSet

if TYPE_CHECKING:
    from benchmark.steps.attack import AttackStep


@dataclass(frozen=True)
class DetectorFitting:
    """Which detector, and what it learns from. Equal ones give equal detectors, so a fitted one is never stored.

    Args:
        features: Features of the clean training images.
        trained_on: The attack whose AdvTrain examples a supervised detector learns from.
        name: The detector's label in the suite.
        detector: The detector.
        seed: Seed of the split and of the detector.
    """

    features: FeaturesStep
    trained_on: AttackStep
    name: str
    detector: Detector
    seed: int

    @property
    def needs(self) -> tuple[Step, ...]:
        """The steps whose results it reads."""
        return (self.features, self.trained_on)

    def settings(self) -> dict[str, Any]:
        """Everything besides `needs` that determines the fitted detector; JSON."""
        return {"detector": self.detector.identity(), CODE: code_digest(type(self)), "seed": self.seed}

    @property
    def differentiable(self) -> bool:
        """Whether the detector may offer a differentiable score."""
        return type(self.detector).differentiable_score is not Detector.differentiable_score

    def parts(self, attacked: pd.DataFrame) -> np.ndarray:
        """What each attacked image is for: "fit", "calibration" or "test"."""
        return np.array(detector_split(attacked["sample_id"].tolist(), attacked["group"].tolist(), self.seed), str)

    def fitted(self, context: StepContext) -> IsolatedDetector:
        """The detector, fitted on the "fit" part of the images."""
        return self._fit(context)[0]

    def known(self, context: StepContext) -> KnownDetector:
        """The fitted detector for an attacker, in units of the scores of the clean images that it was fitted on.

        Raises:
            UserError: It was fitted on no such image.
        """
        detector, data = self._fit(context)
        if not len(data.clean):
            raise UserError(
                "no image is left to fit a detector on",
                where=self.trained_on.label,
                remedy="use more evaluation images",
            )
        clean = detector.score(data.clean)
        center, spread = float(np.median(clean)), float(clean.std()) or 1.0
        classifier = data.reference.classifier

        def score(images: Tensor, features: Features, logits: Tensor) -> Tensor:
            values = detector.score(feature_set(images.cpu(), features, logits, classifier))
            return torch.from_numpy((values - center) / spread).to(images)

        def differentiable(features: Features, logits: Tensor) -> Tensor:
            assert features.penultimate is not None
            value = detector.differentiable_score(features.layers, features.penultimate, logits)
            assert value is not None
            return (value - center) / spread

        one = data.clean.take(np.arange(1))
        layers, penultimate, logits = [torch.from_numpy(f) for f in one.layers], one.penultimate, one.logits
        offered = detector.differentiable_score(layers, torch.from_numpy(penultimate), torch.from_numpy(logits))
        return KnownDetector(self.detector.name, score, None if offered is None else differentiable)

    def views(self, attack: AttackStep, context: StepContext) -> dict[str, FeatureSet]:
        """Features of the attacked images in each form.

        clean: as they are; moved: by a pixel or mirrored, as no file holds them; noisy: with noise of the attack's
        size; adversarial: as the attack submitted them; stored: those rounded to what a file holds.
        """
        model = self.features.fit.model(context)

        def compute() -> dict[str, FeatureSet]:
            tensors = context.store.tensors(attack.key)
            images = attack.clean.evaluation(context)[tensors["row"]]
            clean, adversarial = images.floats(), tensors["adversarial"]
            size = perturbation_size(adversarial - clean, Norm.L2)
            keyed = Noise.of(self.seed, images.index)
            pixels = {
                "clean": clean,
                "moved": moved(clean, keyed),
                "noisy": gaussian_noise(clean, size, keyed),
                "adversarial": adversarial,
                "stored": stored(adversarial, clean, attack.norm, attack.epsilon.value),
            }
            return {name: self._view(name, x, images, model, context) for name, x in pixels.items()}

        return context.keep(f"views {attack.key} {self.features.key}", compute)

    def _view(
        self, name: str, x: Tensor, images: LabeledImages, model: DefendedModel, context: StepContext
    ) -> FeatureSet:
        features, logits = hidden_features(model, images, x, self.seed, name, context)
        return feature_set(x, features, logits, model.classifier)

    def _fit(self, context: StepContext) -> tuple[IsolatedDetector, DetectorData]:
        attacked = attacked_samples(self.trained_on, context)
        train = self.parts(attacked) == "fit"
        known = self.views(self.trained_on, context)
        reference, logits = self.features.features(context)
        groups = pd.factorize(attacked["group"])[0]
        data = DetectorData(
            reference=feature_set(
                context.data.train.pixels, reference, logits, self.features.fit.model(context).classifier
            ),
            reference_labels=context.data.train.labels.numpy(),
            clean=known["clean"].take(train),
            noisy=known["noisy"].take(train),
            adversarial=known["adversarial"].take(train),
            groups=groups[train].astype(np.int64),
            seed=self.seed,
        )
        detector = IsolatedDetector(self.detector)
        detector.fit(data)
        return detector, data


def attacked_samples(attack: AttackStep, context: StepContext) -> pd.DataFrame:
    """The records of the images that were attacked: those the model gets right."""
    frame = context.store.samples(attack.key)
    return frame[frame["attacked"]].reset_index(drop=True)


def feature_set(pixels: Tensor, features: Features, logits: Tensor, classifier: nn.Module) -> FeatureSet:
    """Features [N, C_l] and logits [N, K] of images, from any device, as detectors want them."""
    assert features.penultimate is not None
    return FeatureSet(
        images=pixels,
        layers=tuple(layer.cpu().double().numpy() for layer in features.layers),
        penultimate=features.penultimate.cpu().double().numpy(),
        logits=logits.cpu().double().numpy(),
        classifier=classifier,
    )
