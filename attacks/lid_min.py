"""LID-min: keep the local intrinsic dimension of the features as low as that of clean images."""

from __future__ import annotations

from attacks.bim import BIM
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.local_dimension import LocalDimension
from benchmark.core.settings import Count, Length, Neighbours, NotNegative


class LIDMin(BIM):
    """Steepest ascent on the target's likelihood, and once it wins descent on the local intrinsic dimension of layers.

    Against the LID detector and what resembles it; neighbours are among the attacker's own fixed set of clean training
    features, and no detector is asked.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        weight: Of the mean dimension relative to clean images against the cross-entropy.
        neighbours: k nearest clean images that an estimate rests on.
        reference_size: Clean training images kept, at most.
    """

    name = "lid-min"
    source = (
        "Ma et al. 2018, Characterizing adversarial subspaces using local intrinsic dimensionality, adaptive attack; "
        "as in Yao et al. 2021 (HFC), table 3"
    )

    def __init__(
        self,
        *,
        steps: Count = 40,
        step_size: Length | None = None,
        weight: NotNegative = 1.0,
        neighbours: Neighbours = 20,
        reference_size: Count = 1000,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.weight = weight
        self.neighbours = neighbours
        self.reference_size = reference_size

    def default_objective(self) -> Objective:
        return LocalDimension(
            base=CrossEntropy(),
            weight=self.weight,
            neighbours=self.neighbours,
            reference_size=self.reference_size,
        )
