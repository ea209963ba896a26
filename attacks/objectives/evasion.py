"""Objectives that hide from a detector while another objective changes the decision."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from attacks.objectives.aim import Aim, other_class
from attacks.objectives.base import Objective
from benchmark.core.features import Features
from benchmark.core.settings import NotNegative


class Evasion(Objective):
    """Another objective minus weight × how conspicuous the image is to a detector.

    With weight 0 the gradient is the other objective's, bit for bit.

    Args:
        base: The attack's own objective; None for the penalty alone.
        weight: λ, the price of being conspicuous.

    Class attributes:
        once_reached: The penalty counts only where the aim is reached. Elsewhere the two pull in different directions,
            and an image that hides but is classified as before has gained nothing.
    """

    needs_features = True
    detector_aware = True
    once_reached: ClassVar[bool] = False

    def __init__(self, *, base: Objective | None, weight: NotNegative = 1.0) -> None:
        self.base = base
        self.weight = weight

    @abstractmethod
    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        """How conspicuous each image is: [B]."""
        raise NotImplementedError

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        assert features is not None
        penalty = self.weight * self.penalty(logits, features, aim)
        if self.base is None:
            return -penalty
        if self.once_reached:
            penalty = torch.where(aim.reached(logits), penalty, torch.zeros_like(penalty))
        return self.base(logits, features, aim) - penalty


def wanted_class(logits: Tensor, aim: Aim) -> Tensor:
    """The class each image is pushed into: its target, or the likeliest wrong class where there is none. int64 [B]."""
    if aim.targets is not None:
        return aim.targets
    return other_class(aim.labels, logits.detach())
