"""FMN: fast minimum-norm attacks in four norms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.effort import Effort
from attacks.geometry.ball import onto_l1_ball, perturbation_size
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.linear_boundary import dual_norm, movable
from attacks.searches.minimum_norm import MinimumNormAttack, unit_length
from attacks.searches.stepwise import State
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Positive
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class RadiusState(State):
    """A search in a ball of its own radius around each clean image.

    Attributes:
        radius: ε of the ball that the perturbation is projected on, infinite before the first estimate: [B].
        best: Size of the nearest adversarial image met, infinite where there is none: [B].
    """

    radius: Tensor
    best: Tensor


class FMN(MinimumNormAttack):
    """Fast minimum-norm attack: gradient steps in a ball whose radius follows the decision boundary.

    Before the first success the radius is the distance to the linearised boundary (eq. 6); afterwards it shrinks on
    success and grows on failure by a share that decays (algorithm 1). Written out rather than wrapped: foolbox's L2
    form never projects (its factor is a norm divided by itself), its L0 form counts channels instead of pixels, and a
    vanished gradient divides by zero. The L∞ and L1 steps are foolbox's
    otherwise, but that pixels already at 0 or 1 take no part in a step that cannot move them.

    Args:
        steps: Number of steps K.
        step_size: α₀: length of the first step, in L2; the last is a hundredth of it.
        change: γ₀: by what share the radius shrinks or grows in the first step; 0.001 in the last.
    """

    name = "fmn"
    source = "Pintor et al. 2021, Fast minimum-norm adversarial attacks through adaptive norm constraints, algorithm 1"
    norms = frozenset({Norm.L2, Norm.LINF, Norm.L1, Norm.L0})

    def __init__(
        self, *, steps: Count = 100, step_size: Positive = 1.0, change: Annotated[float, Interval(gt=0, lt=1)] = 0.05
    ) -> None:
        self.steps = steps
        self.step_size = step_size
        self.change = change

    def default_objective(self) -> Objective:
        return Margin()

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """Steps have a length in L2, half the first on average; as far as that in L1 at least, and no less in L∞."""
        asked = super().effort(norm, epsilon)
        if norm is Norm.L0:
            return asked
        return replace(asked, reach=self.steps * self.step_size / 2 / epsilon)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> RadiusState:
        nothing = torch.full((x.shape[0],), float("inf"), device=x.device)
        first = torch.ones_like(nothing) if victim.ball.norm is Norm.L0 else nothing
        return RadiusState(x, first, nothing)

    def step(self, victim: Victim, state: RadiusState, noise: Noise) -> RadiusState:
        clean, norm = victim.ball.center, victim.ball.norm
        ascent = movable(victim.gradient(state.x, noise), state.x)
        adversarial = victim.aim.reached(victim.observed.logits)
        size = victim.ball.size(state.x)
        best = torch.where(adversarial, torch.minimum(size, state.best), state.best)
        annealed = (1 + math.cos(math.pi * noise.step / self.steps)) / 2
        change = 0.001 + (self.change - 0.001) * annealed
        missing = victim.aim.margin(victim.observed.logits).abs() / dual_norm(ascent, norm)
        radius = _next_radius(state.radius, size + missing, adversarial, best, change, norm)
        farthest = perturbation_size(torch.maximum(clean, 1 - clean), norm)
        radius = torch.minimum(radius, farthest)
        step_size = self.step_size * (0.01 + 0.99 * annealed)
        moved = state.x - clean + step_size * unit_length(ascent)
        return RadiusState((clean + _within(moved, norm, radius)).clamp(0, 1), radius, best)


def _next_radius(
    radius: Tensor, estimate: Tensor, adversarial: Tensor, best: Tensor, change: float, norm: Norm
) -> Tensor:
    """Lines 6 to 13 of algorithm 1: [B]. `estimate` is the distance to the linearised boundary."""
    if norm is Norm.L0:
        # Whole pixels, at least one more or less in every step, and no distance to a plane.
        smaller = torch.minimum(radius - 1, (radius * (1 - change)).floor())
        larger = torch.maximum(radius + 1, (radius * (1 + change)).floor())
        return torch.where(adversarial, torch.minimum(smaller, best), larger).clamp_min(1)
    smaller = torch.minimum(radius * (1 - change), best)
    # Without the share beyond it, a flat boundary is met exactly and never crossed.
    larger = torch.where(best.isfinite(), radius, estimate) * (1 + change)
    return torch.where(adversarial, smaller, larger)


def _within(delta: Tensor, norm: Norm, radius: Tensor) -> Tensor:
    """Each perturbation [B, C, H, W] projected on the norm ball of its own radius [B]."""
    bound = radius.view(-1, 1, 1, 1)
    if norm is Norm.LINF:
        return torch.minimum(torch.maximum(delta, -bound), bound)
    if norm is Norm.L0:
        strength = delta.abs().sum(1).flatten(1)
        rank = strength.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        return delta * (rank < radius[:, None]).view(delta.shape[0], 1, *delta.shape[2:])
    if norm is Norm.L2:
        return delta * (bound / delta.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)).clamp(max=1)
    scale = radius[:, None].clamp_min(1e-12)
    return (onto_l1_ball(delta.flatten(1) / scale, 1.0) * scale).view_as(delta)
