"""The logit margin."""

from __future__ import annotations

from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from benchmark.core.features import Features
from benchmark.core.settings import Confidence


class Margin(Objective):
    """Logit margin, capped at a confidence κ (Carlini and Wagner 2017, f6).

    Unlike cross-entropy it has a gradient however saturated the softmax is.
    """

    name = "margin"

    def __init__(self, *, confidence: Confidence = float("inf")) -> None:
        self.confidence = confidence

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        return aim.margin(logits).clamp(max=self.confidence)
