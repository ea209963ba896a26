"""An objective that any white-box attack can maximise."""

from attacks.objectives.base import Need, Objective
from benchmark.core.settings import Positive


class SoftMargin(Objective):
    """Logit margin that counts less the farther it is from zero, so that no image is pushed on for nothing."""

    name = "soft-margin"
    source = "this package; the margin is f6 of Carlini and Wagner 2017"
    serves = Need.MARGIN

    def __init__(self, *, scale: Positive = 10.0) -> None:
        self.scale = scale

    def __call__(self, logits, features, aim):
        margin = aim.margin(logits)
        return margin / (1 + margin.abs() / self.scale)
