"""Cross-entropy."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from attacks.objectives.aim import Aim
from attacks.objectives.base import Need, Objective
from benchmark.core.features import Features


class CrossEntropy(Objective):
    """Cross-entropy of the true class, or minus that of the target."""

    name = "cross-entropy"
    source = "Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4"
    serves = Need.CROSS_ENTROPY

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        if aim.targets is None:
            return functional.cross_entropy(logits, aim.labels, reduction="none")
        return -functional.cross_entropy(logits, aim.targets, reduction="none")
