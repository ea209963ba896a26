"""How an attack is put together, and what the attacker has beside the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from attacks.geometry.ball import Ball
from attacks.geometry.grid_ball import GridBall
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.objectives.base import Objective
from benchmark.core.defended import DefendedModel
from benchmark.core.images import LabeledImages
from benchmark.core.threat import Epsilon, Norm

if TYPE_CHECKING:
    from attacks.objectives.detector_score import KnownDetector


class Stop(StrEnum):
    """When the attack on an image ends.

    At its first success; after all steps, with successes verified on the way; or after all steps without a look at
    the defense, as detection rows and attackers who ignore the defense do. The last two submit the final iterate.
    """

    FIRST_SUCCESS = "first-success"
    LAST_STEP = "last-step"
    NEVER = "never"


@dataclass(frozen=True)
class Composition:
    """How an attack is put together for one cell.

    Attributes:
        norm, epsilon: The allowed perturbation.
        objective: What to maximise; the attack's own where None.
        estimator: How to differentiate through the defense.
        stop: Robustness rows end at the first success, but at the last step where the model draws random numbers, since
            an image left where one draw fell is no measure of the next; detection rows run to the end and keep it.
        targeted: Whether each image is to arrive at one class.
        search: A copy of the model that computes the same up to rounding, only sooner. The search asks the copy, and
            the verdict is the model's own; an image on whose fall the two differ is attacked again without the copy.
        on_grid: Ask about, and submit, images on the 8-bit grid alone.
    """

    norm: Norm
    epsilon: Epsilon
    objective: Objective | None = None
    estimator: GradientEstimator = field(default_factory=Autograd)
    stop: Stop = Stop.FIRST_SUCCESS
    targeted: bool = False
    search: DefendedModel | None = None
    on_grid: bool = False

    def ball(self, x: Tensor) -> Ball:
        """The images allowed around clean images `x` [B, C, H, W]."""
        return (GridBall if self.on_grid else Ball)(self.norm, self.epsilon.value, x)

    def ends(self, model: DefendedModel, *, ignorant: bool) -> Stop:
        """When the attack on an image of `model` ends.

        Args:
            model: The defended model.
            ignorant: Whether the attacker does not see the defense, and so cannot tell when to stop.
        """
        if ignorant:
            return Stop.NEVER
        if model.randomized and self.stop is Stop.FIRST_SUCCESS:
            return Stop.LAST_STEP
        return self.stop


@dataclass(frozen=True)
class Aids:
    """What an attacker may have beside the victim; handed to `prepare` once, before the first batch.

    Attributes:
        model: The defended model, for attacks with gradient access; None for others.
        composition: The attack as it will be run: norm, ε, objective and gradient estimator.
        train: Clean training images.
        classes: Number of classes.
        proxies: Classifiers that the attacker has trained, frozen, in eval mode; as many as `proxies` asks for.
        seed: Seed of everything random in preparation.
        device: Where to compute.
        detector: The fitted detector to deceive, for attacks that need one; None for others.
    """

    model: DefendedModel | None
    composition: Composition
    train: LabeledImages
    classes: int
    proxies: tuple[nn.Module, ...]
    seed: int
    device: torch.device
    detector: KnownDetector | None = None
