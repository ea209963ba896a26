"""CW-L∞: the margin loss of Carlini and Wagner under an L∞ bound."""

from __future__ import annotations

from attacks.bim import BIM
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from benchmark.core.settings import Confidence, Count, Length
from benchmark.core.threat import Norm


class CWLinf(BIM):
    """Steepest ascent on the logit margin, capped at confidence κ, within the L∞ ball.

    The L∞ form of Carlini and Wagner's attack that the medical detector papers use (Ma et al. 2021; Yao et al. 2021).

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        confidence: κ in logits: how far beyond the decision the image is pushed.
    """

    name = "cw-linf"
    source = "Carlini and Wagner 2017, Towards evaluating the robustness of neural networks, objective f6; Madry 2018"
    norms = frozenset({Norm.LINF})

    def __init__(
        self, *, steps: Count = 20, step_size: Length | None = None, confidence: Confidence = float("inf")
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.confidence = confidence

    def default_objective(self) -> Objective:
        return Margin(confidence=self.confidence)
