"""The contract of an objective: what an attack maximises, a number per image, so that batches do not mix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from attacks.objectives.aim import Aim
from benchmark.core.features import Features


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
