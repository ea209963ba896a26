"""Closest guide: imitate the features of the most similar clean image of the target class."""

from __future__ import annotations

from attacks.bim import BIM
from attacks.objectives import closest_guide
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.settings import Count, Length, NotNegative


class ClosestGuide(BIM):
    """Steepest descent on the feature distance to the clean training image of the target class that was closest.

    As random-guide, with less way to go: the guide is chosen once, by its distance from the clean image's features.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        weight: Of the squared feature distance against the cross-entropy.
        cross_entropy: Whether the cross-entropy towards the target class is part of the sum.
    """

    name = "closest-guide"
    source = (
        "Sabour et al. 2016, Adversarial manipulation of deep representations, eq. 1; "
        "all layers and the choice of the guide as in Yao et al. 2021 (HFC), table 3"
    )

    def __init__(
        self,
        *,
        steps: Count = 40,
        step_size: Length | None = None,
        weight: NotNegative = 1.0,
        cross_entropy: bool = True,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.weight = weight
        self.cross_entropy = cross_entropy

    def default_objective(self) -> Objective:
        return closest_guide.ClosestGuide(base=CrossEntropy() if self.cross_entropy else None, weight=self.weight)
