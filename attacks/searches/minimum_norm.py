"""The loop of minimum-norm attacks: nearest verified image and early exit, written once."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attempt, Stop
from attacks.geometry.ball import TOLERANCE, Ball
from attacks.searches.stepwise import StepwiseAttack, each_restart
from attacks.victim import Observation, Oracle, Victim
from benchmark.core.noise import Noise


def look(victim: Oracle, x: Tensor, noise: Noise) -> Observation:
    """The answer about `x` as far as this attacker sees it: one who ignores the defense sees the classifier's."""
    if isinstance(victim, Victim) and not victim.estimator.sees_defense:
        victim.gradient(x, noise)
    else:
        victim.scores(x, noise)
    return victim.observed


def unit_length(gradient: Tensor) -> Tensor:
    """Each row of `gradient` [B, C, H, W] scaled to L2 norm 1, however small it is; a zero row stays zero."""
    scale = gradient.abs().amax((1, 2, 3), keepdim=True)
    scaled = gradient / torch.where(scale > 0, scale, torch.ones_like(scale))
    return scaled / scaled.flatten(1).norm(dim=1).clamp_min(1).view(-1, 1, 1, 1)


class NearestImages:
    """The nearest adversarial image within the bound found so far, for each image of a batch.

    Attributes:
        x: That image, the clean one where there is none yet: [B, C, H, W].
        size: Its distance, infinite where there is none: [B].
        broken_at: The step of the first one, −1 where there is none: int64 [B].
    """

    def __init__(self, ball: Ball) -> None:
        rows = ball.center.shape[0]
        self.x = ball.center.clone()
        self.size = torch.full((rows,), float("inf"), device=ball.center.device)
        self.broken_at = torch.full((rows,), -1, dtype=torch.int64, device=ball.center.device)

    def record(
        self, victim: Oracle, rows: Tensor, seen: Observation, noise: Noise, *, step: int, confidence: float = 0.0
    ) -> Tensor:
        """Keep what is nearer than before, within the bound and confirmed by the victim.

        Args:
            victim: For the images `rows` (indices [b]) alone.
            rows: Whom the observation is about.
            seen: Images [b, C, H, W] and the logits the attacker saw for them.
            noise: Fresh draws for a randomized model's confirmation.
            step: What `broken_at` shall say.
            confidence: κ: the margin that an adversarial image must have.

        Returns:
            Which of `rows` are now known to be broken: bool [b].
        """
        size = victim.ball.size(seen.x)
        candidate = victim.aim.reached(seen.logits) & (victim.aim.margin(seen.logits) >= confidence)
        candidate &= (size <= victim.ball.epsilon + TOLERANCE) & (size < self.size[rows])
        if not (isinstance(victim, Victim) and not victim.estimator.sees_defense):
            candidate = victim.verify(seen.x, candidate, noise)
        nearer = rows[candidate]
        self.x[nearer] = seen.x[candidate]
        self.size[nearer] = size[candidate]
        self.broken_at[nearer] = torch.where(self.broken_at[nearer] < 0, step, self.broken_at[nearer])
        return self.broken_at[rows] >= 0

    def unfinished(self, stop: Stop) -> Tensor:
        """The images worth another search: indices [b]."""
        return torch.arange(len(self.size), device=self.size.device)[
            (self.broken_at < 0) | (stop is not Stop.FIRST_SUCCESS)
        ]

    def attempt(self) -> Attempt:
        """What `run` hands back."""
        return Attempt(self.x, self.broken_at)


class MinimumNormAttack(StepwiseAttack):
    """A minimum-norm attack in two short methods: where to start, and what one step does.

    `start` is told the number of the restart, from 0, as `noise.step`.

    The search itself may go beyond ε; what counts is the nearest adversarial image that it meets on its way, and that
    only within ε and, for a randomized model, after confirmation by fresh draws. With `Stop.FIRST_SUCCESS` an image
    broken within ε leaves the batch at once, so a search under a generous bound is short; otherwise every search runs
    to its end and the nearest image is submitted. An image that is never broken is submitted clean.

    Class attributes:
        refines: Whether the search goes on from an adversarial image to nearer ones.
    """

    minimal = True
    refines: ClassVar[bool] = True
    confidence: float = 0.0

    def look(self, victim: Oracle, x: Tensor, noise: Noise) -> Observation:
        return look(victim, x, noise)

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        nearest = NearestImages(victim.ball)
        for restart, left, own in each_restart(self.restarts, noise, lambda: nearest.unfinished(stop)):
            self._search(victim[left], x[left], own[left], left, nearest, stop, restart)
        return nearest.attempt()

    def _search(
        self, victim: Oracle, x: Tensor, noise: Noise, alive: Tensor, nearest: NearestImages, stop: Stop, restart: int
    ) -> None:
        """One restart over a batch that shrinks as images fall."""
        state = self.start(victim, x, noise.stream("start").at(restart))
        length = self.moves()
        for step in range(length + 1):
            at = noise.at(step)
            if step < length:
                following, seen = self.taken(victim, state, at)
            else:
                following, seen = state, self.look(victim, state.x, at.stream("look"))
            broken = nearest.record(
                victim, alive, seen, at, step=restart * (length + 1) + step, confidence=self.confidence
            )
            over = broken if stop is Stop.FIRST_SUCCESS else torch.zeros_like(broken)
            if not self.refines:
                over = over | self._arrived(victim, seen, broken)
            state = following
            if bool(over.any()):
                keep = (~over).nonzero().flatten()
                if not len(keep):
                    return
                alive, victim, noise, state = alive[keep], victim[keep], noise[keep], state[keep]

    def _arrived(self, victim: Oracle, seen: Observation, broken: Tensor) -> Tensor:
        """Where a search that does not refine has ended: broken, or adversarial beyond the bound."""
        beyond = victim.ball.size(seen.x) > victim.ball.epsilon + TOLERANCE
        return broken | (beyond & victim.aim.reached(seen.logits))
