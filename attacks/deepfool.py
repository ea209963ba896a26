"""DeepFool: straight to the nearest boundary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.linear_boundary import RivalState, dual_norm, likely_rivals, linearize, movable
from attacks.searches.minimum_norm import MinimumNormAttack
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, NotNegative
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class StrideState(RivalState):
    """A walk from the clean image.

    Attributes:
        walked: The sum of all steps, Σ r_i, before overshoot and clipping: [B, C, H, W].
    """

    walked: Tensor


class DeepFool(MinimumNormAttack):
    """DeepFool: step onto the nearest linearised class boundary until the class changes.

    Written out rather than wrapped: torchattacks overshoots each step's remainder instead of the whole perturbation,
    so that a two-class image with clipped pixels comes ever closer to the boundary and does not cross it, knows no
    targets, and goes image by image. The objective of a suite is not used: the method needs differences of logits.

    Args:
        steps: Largest number of steps.
        overshoot: η: how far beyond the boundary the whole perturbation goes.
        rivals: Wrong classes considered, the likeliest first.
    """

    name = "deepfool"
    source = "Moosavi-Dezfooli et al. 2016, DeepFool, algorithm 2; eqs. 11 and 12 for L∞"
    norms = frozenset({Norm.L2, Norm.LINF})
    takes_objective = False
    refines = False
    control = "it ends at its first adversarial image, however far"

    def __init__(self, *, steps: Count = 50, overshoot: NotNegative = 0.02, rivals: Count = 9) -> None:
        self.steps = steps
        self.overshoot = overshoot
        self.rivals = rivals

    def default_objective(self) -> Objective:
        """What its steps follow, whatever a suite says."""
        return Margin()

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> StrideState:
        return StrideState(x, likely_rivals(victim, noise, self.rivals), torch.zeros_like(x))

    def step(self, victim: Victim, state: StrideState, noise: Noise) -> StrideState:
        norm = victim.ball.norm
        boundary = linearize(victim, state.x, state.rivals, noise)
        # The gradients were asked of the same model under other aims.
        victim.observed = boundary.seen
        # A tie counts as the first class, so that even a gap of zero needs a stride.
        normal = movable(boundary.normal, state.x)
        length = (boundary.gap.abs() / dual_norm(normal, norm) + 1e-6).view(-1, 1, 1, 1)
        # A model without a gradient has no boundary to go to: its images stay where they are.
        reachable = normal.flatten(1).any(1).view(-1, 1, 1, 1)
        stride = torch.where(reachable, length * victim.ball.steepest(normal), torch.zeros_like(state.x))
        walked = state.walked + stride
        x = (victim.ball.center + (1 + self.overshoot) * walked).clamp(0, 1)
        return StrideState(x, state.rivals, walked)
