"""The logit margin."""

from __future__ import annotations

from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Need, Objective
from benchmark.core.features import Features
from benchmark.core.settings import Confidence


class Margin(Objective):
    """Logit margin, capped at a confidence κ.

    Unlike cross-entropy it has a gradient however saturated the softmax is.

    Args:
        confidence: κ in logits.
    """

    name = "margin"
    source = "Carlini and Wagner 2017, Towards evaluating the robustness of neural networks, f6"
    serves = Need.MARGIN

    def __init__(self, *, confidence: Confidence = float("inf")) -> None:
        self.confidence = confidence

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        return aim.margin(logits).clamp(max=self.confidence)
