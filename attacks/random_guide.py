"""Random guide: imitate the features of some clean image of the target class."""

from __future__ import annotations

from attacks.bim import BIM
from attacks.objectives import random_guide
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.settings import Count, Length, NotNegative, Seed


class RandomGuide(BIM):
    """Steepest descent on the feature distance to a clean training image of the target class, drawn at random.

    A detector that reads features sees those of a clean image. The sources do not say whether the classification loss
    is part of the sum; it is here, unless `cross_entropy` is false, as matching features alone need not change the
    decision.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        weight: Of the squared feature distance against the cross-entropy.
        cross_entropy: Whether the cross-entropy towards the target class is part of the sum.
        seed: Of the draw; an image's guide depends on it and the image's number alone.
    """

    name = "random-guide"
    source = (
        "Sabour et al. 2016, Adversarial manipulation of deep representations, eq. 1; "
        "all layers as in Yao et al. 2021 (HFC), table 3"
    )

    def __init__(
        self,
        *,
        steps: Count = 40,
        step_size: Length | None = None,
        weight: NotNegative = 1.0,
        cross_entropy: bool = True,
        seed: Seed = 0,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.weight = weight
        self.cross_entropy = cross_entropy
        self.seed = seed

    def default_objective(self) -> Objective:
        base = CrossEntropy() if self.cross_entropy else None
        return random_guide.RandomGuide(base=base, weight=self.weight, seed=self.seed)
