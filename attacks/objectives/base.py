"""The contract of an objective: what an attack maximises, a number per image, so that batches do not mix."""

from __future__ import annotations

from abc import abstractmethod
from enum import StrEnum
from typing import ClassVar

from torch import Tensor

from attacks.objectives.aim import Aim
from benchmark.core.features import Features
from benchmark.core.plugin import Plugin


class Need(StrEnum):
    """Which of the white-box attacks that a fair row needs an objective is made for."""

    CROSS_ENTROPY = "cross-entropy"
    MARGIN = "the margin"


class Objective(Plugin):
    """A function of the model's answer that grows as the attack nears its aim.

    One that builds on another has a constructor argument `base`, which is handed the attack's own objective. One that
    belongs to a single attack has no `name`, and no suite can ask for it.

    Class attributes:
        needs_features: Whether `__call__` is given the hidden features of the forward pass.
        detector_aware: Whether it is meant to deceive a detector.
        serves: What a fair row needs it for; None where it completes none.
        minimum_classes, minimum_classes_targeted: Fewest classes for which it is defined, without a target and with.
        of_one_batch: Whether it holds values for the rows of one batch, so that it says nothing of an image alone.
    """

    kind = "objective"
    handed = frozenset({"base"})
    needs_features: ClassVar[bool] = False
    detector_aware: ClassVar[bool] = False
    serves: ClassVar[Need | None] = None
    minimum_classes: ClassVar[int] = 2
    minimum_classes_targeted: ClassVar[int] = 2
    of_one_batch: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        """Logits [B, K] (averaged over EOT draws) → one value per image [B]."""
        raise NotImplementedError

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """Learn from clean training features; called only where `needs_features`, and does nothing by default."""
        del features, labels, classes
