"""What an attack maximises. Every objective is a number per image, so batches do not mix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from attacks.objectives.aim import Aim
from benchmark.core.features import Features
from benchmark.core.settings import Confidence


class Objective(ABC):
    """A function of the model's answer that grows as the attack nears its aim.

    Class attributes:
        name: How a suite names it.
        needs_features: Whether `__call__` is given the hidden features of the forward pass.
        detector_aware: Whether it is meant to deceive a detector.
        minimum_classes: Fewest classes for which it is defined.
        of_one_batch: Whether it holds values for the rows of one batch, so that it says nothing of an image alone.
    """

    name: ClassVar[str]
    needs_features: ClassVar[bool] = False
    detector_aware: ClassVar[bool] = False
    minimum_classes: ClassVar[int] = 2
    of_one_batch: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        """Logits [B, K] (averaged over EOT draws) → one value per image [B]."""
        raise NotImplementedError

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """Learn from clean training features; called only where `needs_features`, and does nothing by default."""
        del features, labels, classes

    def identity(self) -> dict[str, Any]:
        """What determines the objective's values; hashed into cached steps."""
        return {"objective": self.name, **{k: v for k, v in vars(self).items() if not k.endswith("_")}}


class CrossEntropy(Objective):
    """Cross-entropy of the true class, or minus that of the target."""

    name = "cross-entropy"

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        if aim.targets is None:
            return functional.cross_entropy(logits, aim.labels, reduction="none")
        return -functional.cross_entropy(logits, aim.targets, reduction="none")


class Margin(Objective):
    """Logit margin, capped at a confidence κ (Carlini and Wagner 2017, f6).

    Unlike cross-entropy it has a gradient however saturated the softmax is.
    """

    name = "margin"

    def __init__(self, *, confidence: Confidence = float("inf")) -> None:
        self.confidence = confidence

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        return aim.margin(logits).clamp(max=self.confidence)


class DifferenceOfLogitsRatio(Objective):
    """Margin over the spread of the top logits (Croce and Hein 2020, eqs. 6 and 7): immune to rescaled logits.

    Needs three classes untargeted and four targeted; with fewer it would be constant.
    """

    name = "dlr"
    minimum_classes = 3

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        ordered = logits.sort(dim=1, descending=True).values
        if aim.targets is None:
            spread = ordered[:, 0] - ordered[:, 2]
            return aim.margin(logits) / (spread + 1e-12)
        own = logits.gather(1, aim.labels[:, None]).squeeze(1)
        wanted = logits.gather(1, aim.targets[:, None]).squeeze(1)
        spread = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3])
        return (wanted - own) / (spread + 1e-12)


def finite_or_zero(gradient: Tensor) -> Tensor:
    """A gradient whose broken entries are zero, so that one image's overflow cannot move another's pixels."""
    return gradient.nan_to_num(0.0, 0.0, 0.0)
