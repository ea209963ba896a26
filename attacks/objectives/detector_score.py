"""Another objective, and the score of a detector that the attacker knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import Evasion
from benchmark.core.features import Features
from benchmark.core.settings import NotNegative


@dataclass(frozen=True)
class KnownDetector:
    """A fitted detector, its score in standard deviations above the median clean one, so that detectors compare.

    Attributes:
        name: The detector's name.
        score: (images [N, C, H, W] in [0, 1], their features, logits [N, K]) → [N], without a gradient.
        differentiable_score: (features, logits) → [N], through which gradients flow; None where the detector has none.
    """

    name: str
    score: Callable[[Tensor, Features, Tensor], Tensor]
    differentiable_score: Callable[[Features, Tensor], Tensor] | None = None


class DetectorScore(Evasion):
    """Another objective, and once it has its way minus weight × how far a detector's score is above the median clean.

    The score is in standard deviations of clean images. One that scores as the median clean image passes any sensible
    threshold; lower scores gain nothing, cost success, and give it away to a defender who looks at both sides. It
    is the objective of `detector-min` alone, since no other attack knows the detector.

    Args:
        base: The attack's own objective.
        weight: Of the score.
        detector: The detector; where it has no gradient, or None, the other objective stands alone.
    """

    once_reached = True

    def __init__(self, *, base: Objective | None, weight: NotNegative, detector: KnownDetector | None) -> None:
        super().__init__(base=base, weight=weight)
        self.detector = detector

    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        if self.detector is None or self.detector.differentiable_score is None:
            return logits.new_zeros(len(logits))
        return self.detector.differentiable_score(features, logits).clamp_min(0).to(logits.dtype)
