"""Fit a detector on some of the held-out images and score it on the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.core.noise import Noise
from benchmark.steps.base import Result, Step
from benchmark.steps.detector_fitting import DetectorFitting, attacked_samples
from benchmark.steps.detector_scoring import score_sets

if TYPE_CHECKING:
    # What comes from upstream is in the key by the keys of `needs`.
    from benchmark.steps.attack import AttackStep
    from benchmark.steps.context import StepContext
    from benchmark.steps.features import FeaturesStep
    from detectors.base import Detector


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

    @property
    def fitting(self) -> DetectorFitting:
        """How the detector is fitted."""
        return DetectorFitting(self.features, self.trained_on, self.name, self.detector, self.seed)

    def settings(self) -> dict[str, Any]:
        return self.fitting.settings()

    def run(self, context: StepContext) -> Result:
        fitting = self.fitting
        attacked = attacked_samples(self.attack, context)
        sets = fitting.views(self.attack, context)
        noise = Noise.of(self.seed, range(sum(map(len, sets.values())))).stream(f"scoring {self.attack.draws}")
        score, checks = score_sets(fitting.fitted(context), sets, noise)
        columns = ["row", "sample_id", "group", "label", "clean_prediction", "adversarial_prediction", "robust"]
        samples = attacked[[*columns, "linf", "l2", "psnr", "ssim", "forwards", "backwards", "scores"]].assign(
            split=fitting.parts(attacked),
            detector_score=score["adversarial"],
            detector_score_clean=score["clean"],
            detector_score_noisy=score["noisy"],
            detector_score_moved=score["moved"],
            detector_score_stored=score["stored"],
        )
        return Result({"trained_on": self.trained_on.name, "checks": checks}, samples=samples)
