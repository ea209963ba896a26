"""Fit a detector on some of the held-out images and score it on the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from attacks.ball import perturbation_size
from benchmark.evaluation.calibration import gaussian_noise
from benchmark.evaluation.subset import detector_split
from benchmark.features import Features
from benchmark.images import LabeledImages
from benchmark.noise import Noise
from benchmark.steps.attack import AttackStep
from benchmark.steps.base import Result, Step
from benchmark.steps.features import FeaturesStep, hidden_features
from benchmark.threat import Norm
from benchmark.workbench import Workbench
from defenses.base import DefendedModel
from detectors.base import Detector, DetectorData, FeatureSet


@dataclass(frozen=True)
class DetectStep(Step):
    """One detector against one attack.

    Args:
        features: Features of the clean training images.
        trained_on: The attack whose AdvTrain examples a supervised detector learns from.
        attack: The attack that the detector is scored on.
        name: The detector's label in the suite.
        detector: The detector.
        seed: Seed of the split and of the detector.
    """

    kind = "detect"

    features: FeaturesStep
    trained_on: AttackStep
    attack: AttackStep
    name: str
    detector: Detector
    seed: int

    @property
    def label(self) -> str:
        return f"{self.attack.label} × {self.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.features, self.trained_on, self.attack)

    def settings(self) -> dict[str, Any]:
        return {"detector": self.detector.identity(), "seed": self.seed}

    def run(self, bench: Workbench) -> Result:
        frame = bench.store.samples(self.attack.key)
        attacked = frame[frame["attacked"]].reset_index(drop=True)
        parts = np.array(detector_split(attacked["sample_id"].tolist(), attacked["group"].tolist(), self.seed), str)
        train = parts == "fit"
        model = self.features.fit.model(bench)
        reference, reference_logits = self.features.features(bench)
        known, tested = self._views(self.trained_on, model, bench), self._views(self.attack, model, bench)
        groups = pd.factorize(attacked["group"])[0]
        classifier = model.classifier
        data = DetectorData(
            reference=_feature_set(bench.data.train.pixels, reference, reference_logits, classifier),
            reference_labels=bench.data.train.labels.numpy(),
            clean=known["clean"].take(train),
            noisy=known["noisy"].take(train),
            adversarial=known["adversarial"].take(train),
            groups=groups[train].astype(np.int64),
            seed=self.seed,
        )
        self.detector.fit(data)
        score = {name: _finite(self.detector, view) for name, view in tested.items()}
        columns = ["row", "sample_id", "group", "label", "clean_prediction", "adversarial_prediction", "robust"]
        samples = attacked[[*columns, "linf", "l2", "forwards", "backwards", "scores"]].assign(
            split=parts,
            detector_score=score["adversarial"],
            detector_score_clean=score["clean"],
            detector_score_noisy=score["noisy"],
        )
        return Result({"trained_on": self.trained_on.name}, samples=samples)

    def _views(self, attack: AttackStep, model: DefendedModel, bench: Workbench) -> dict[str, FeatureSet]:
        """Features of the attacked images clean, with noise of the attack's size, and adversarial."""

        def compute() -> dict[str, FeatureSet]:
            tensors = bench.store.tensors(attack.key)
            images = attack.clean.evaluation(bench)[tensors["row"]]
            clean, adversarial = images.floats(), tensors["adversarial"]
            size = perturbation_size(adversarial - clean, Norm.L2)
            noisy = gaussian_noise(clean, size, Noise.of(self.seed, images.index))
            pixels = {"clean": clean, "noisy": noisy, "adversarial": adversarial}
            return {name: self._view(name, x, images, model, bench) for name, x in pixels.items()}

        return bench.keep(f"views {attack.key} {self.features.key}", compute)

    def _view(self, name: str, x: Tensor, images: LabeledImages, model: DefendedModel, bench: Workbench) -> FeatureSet:
        features, logits = hidden_features(model, images, x, self.seed, name, bench)
        return _feature_set(x, features, logits, model.classifier)


def _feature_set(pixels: Tensor, features: Features, logits: Tensor, classifier: torch.nn.Module) -> FeatureSet:
    assert features.penultimate is not None
    return FeatureSet(
        images=pixels,
        layers=tuple(layer.double().numpy() for layer in features.layers),
        penultimate=features.penultimate.double().numpy(),
        logits=logits.double().numpy(),
        classifier=classifier,
    )


def _finite(detector: Detector, view: FeatureSet) -> np.ndarray:
    scores = np.asarray(detector.score(view), dtype=np.float64)
    if scores.shape != (len(view),) or not np.isfinite(scores).all():
        raise RuntimeError(
            f"detector {detector.name} gave scores of shape {scores.shape} or scores that are not finite"
        )
    return scores
