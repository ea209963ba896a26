"""APGD: projected gradient ascent with momentum that chooses its own step size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor

from attacks.base import Aids
from attacks.effort import Effort
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.dlr import DifferenceOfLogitsRatio
from attacks.objectives.margin import Margin
from attacks.searches.iterative import IterativeAttack, State
from attacks.searches.linear_boundary import likely_rivals
from attacks.victim import Victim
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Whole
from benchmark.core.threat import Norm

MOMENTUM = 0.75
"""α of Croce and Hein 2020, eq. 3: the share of the new direction; the rest is the last move."""
PROGRESS = 0.75
"""ρ of condition 1: a step size is kept while at least this share of its steps raised the objective."""
Loss = Literal["cross-entropy", "margin", "dlr"]
LOSSES: dict[str, type[Objective]] = dict(
    zip(get_args(Loss), (CrossEntropy, Margin, DifferenceOfLogitsRatio), strict=True)
)


@dataclass(frozen=True)
class AutoState(State):
    """A search that remembers its best point and how its steps have fared; every entry is one image's own.

    Attributes:
        previous: x⁽ᵏ⁻¹⁾: [B, C, H, W].
        value: Objective there: [B].
        best, best_gradient, best_value: The point of the largest objective so far.
        step_size: η: [B].
        risen: Steps since the last checkpoint that raised the objective: int64 [B].
        checked_value: `best_value` at the last checkpoint: [B].
        halved: Whether η was halved there: bool [B].
    """

    previous: Tensor
    value: Tensor
    best: Tensor
    best_gradient: Tensor
    best_value: Tensor
    step_size: Tensor
    risen: Tensor
    checked_value: Tensor
    halved: Tensor


class APGD(IterativeAttack):
    """Auto-PGD: ascent with momentum; the step starts at 2ε and is halved for each image where it stops paying.

    At fixed checkpoints an image whose steps rarely raised the objective, or whose best value has not moved, goes back
    to its best point with half the step size. Nothing has to be tuned but the number of steps.

    Args:
        steps: Number of steps N.
        restarts: Independent random starts; only images still standing are tried again.
        loss: "cross-entropy", "margin" or "dlr" (at least three classes); an objective named by the suite replaces it.
        targets: 0 to move away from the true class. Otherwise the number of wrong classes, the likeliest, that are
            pursued side by side (APGD-T); any wrong class is a success. With "dlr", at least four classes.
    """

    name = "apgd"
    source = "Croce and Hein 2020, Reliable evaluation of adversarial robustness, algorithm 1, conditions 1 and 2"
    norms = frozenset({Norm.LINF, Norm.L2})

    def __init__(
        self,
        *,
        steps: Count = 100,
        restarts: Count = 1,
        loss: Loss = "cross-entropy",
        targets: Whole = 0,
    ) -> None:
        self.steps = steps
        self.restarts = restarts
        self.loss = loss
        self.targets = targets

    def default_objective(self) -> Objective:
        if self.loss not in LOSSES:
            raise UserError(
                f"unknown loss {self.loss!r}", where=f"attack {self.name!r}", remedy=did_you_mean(self.loss, [*LOSSES])
            )
        return LOSSES[self.loss]()

    def prepare(self, aids: Aids) -> None:
        """Raises UserError when the data has too few classes for the loss."""
        objective = aids.composition.objective or self.default_objective()
        targeted = bool(self.targets) or aids.composition.targeted
        needed = objective.minimum_classes_targeted if targeted else objective.minimum_classes
        if aids.classes < needed:
            raise UserError(
                f"{objective.name!r} needs {needed} classes{' with targets' * targeted}, the data has {aids.classes}",
                where=f"attack {self.name!r}",
                remedy='use loss = "margin"',
            )

    def budget(self) -> str:
        return super().budget() + (f" × {self.targets} target classes" if self.targets else "")

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """The first step alone is 2ε long; every target is a search of its own."""
        searches = max(1, self.targets)
        return Effort(steps=self.steps, gradients=self.steps * self.restarts * searches, reach=2.0)

    def copies(self, victim: Victim, noise: Noise) -> tuple[Victim, int]:
        if not self.targets or victim.aim.targets is not None:
            return victim, 1
        rivals = likely_rivals(victim, noise.stream("targets"), self.targets)
        count = rivals.shape[1]
        several = victim[torch.arange(len(rivals), device=rivals.device).repeat_interleave(count)]
        pursued = Aim(several.aim.labels, rivals.flatten(), several.aim.sample_ids)
        return several.towards(victim.objective, pursued=pursued), count

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> AutoState:
        first = victim.ball.random(noise)
        lowest = x.new_full((x.shape[0],), float("-inf"))
        return AutoState(
            x=first,
            previous=first,
            value=lowest,
            best=first,
            best_gradient=torch.zeros_like(x),
            best_value=lowest,
            step_size=torch.full_like(lowest, 2 * victim.ball.epsilon),
            risen=torch.zeros_like(lowest, dtype=torch.int64),
            checked_value=lowest,
            halved=torch.ones_like(lowest, dtype=torch.bool),
        )

    def step(self, victim: Victim, state: AutoState, noise: Noise) -> AutoState:
        ball, ascent = victim.ball, victim.ascent(state.x, noise)
        x, gradient, value = state.x, ascent.gradient, ascent.value
        better = value > state.best_value
        best = _pick(better, x, state.best)
        best_gradient = _pick(better, gradient, state.best_gradient)
        best_value = torch.where(better, value, state.best_value)
        # The start has nothing to have risen from.
        risen = state.risen + (value > state.value) if noise.step else state.risen
        step_size, checked_value, halved = state.step_size, state.checked_value, state.halved
        period = checkpoints(self.steps).get(noise.step)
        if period is not None:
            stalled = risen < PROGRESS * period
            stuck = ~halved & (checked_value == best_value)
            halved = stalled | stuck
            step_size = torch.where(halved, step_size / 2, step_size)
            x, gradient = _pick(halved, best, x), _pick(halved, best_gradient, gradient)
            value = torch.where(halved, best_value, value)
            risen, checked_value = torch.zeros_like(risen), best_value
        following = ball.project(x + step_size.view(-1, 1, 1, 1) * ball.steepest(gradient))
        if noise.step:
            following = ball.project(x + MOMENTUM * (following - x) + (1 - MOMENTUM) * (x - state.previous))
        return AutoState(following, x, value, best, best_gradient, best_value, step_size, risen, checked_value, halved)


@cache
def checkpoints(steps: int) -> dict[int, int]:
    """The steps at which η is judged, each with the number of steps since the one before (section 3, "step size").

    p₁ = 0.22, p_{j+1} = p_j + max(p_j − p_{j−1} − 0.03, 0.06); the checkpoints are ⌈p_j N⌉.
    """
    # In hundredths, since 0.41 + 0.16 is a little more than 0.57 in floating point.
    share, last_share, last = 22, 0, 0
    found: dict[int, int] = {}
    while share < 100:
        step = -(-share * steps // 100)
        if step > last:
            found[step] = step - last
        last = step
        share, last_share = share + max(share - last_share - 3, 6), share
    return found


def _pick(rows: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    return torch.where(rows.view(-1, 1, 1, 1), chosen, other)
