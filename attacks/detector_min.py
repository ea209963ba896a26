"""Detector-min: change the decision and lower the score of one given detector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Aids, AttackError, Attempt, Stop
from attacks.bim import BIM
from attacks.effort import Effort
from attacks.gradients.antithetic import antithetic_gradient
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.detector_score import DetectorScore, KnownDetector
from attacks.searches.iterative import State
from attacks.searches.step_size import resolve_step_size
from attacks.victim import Victim
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Count, Length, Memory, NotNegative, PixelLength
from benchmark.core.threat import Epsilon, Norm

_ROUNDING = 1e-6


@dataclass(frozen=True)
class LeastConspicuous(State):
    """A state that remembers the least conspicuous success.

    Attributes:
        mean: Running mean of the estimated gradients of the detector's score: [B, C, H, W].
        hidden: The least conspicuous image so far that reached the aim: [B, C, H, W].
        level: How conspicuous it was, infinite where there is none: [B].
    """

    mean: Tensor
    hidden: Tensor
    level: Tensor


class DetectorMin(BIM):
    """Steepest ascent on the target's likelihood, and once it wins, descent on the score of the detector that watches.

    The attacker knows the fitted detector. One that offers a differentiable score is followed by the chain rule; of any
    other the gradient is estimated from pairs of queries at x ± radius · u with random signs u (Spall 1992, SPSA),
    averaged over steps, and added to the exact gradient of the cross-entropy. A pair costs two forward passes. Of the
    images on the way that reach the aim the least conspicuous is submitted, since the two goals take turns to the end.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        weight: λ, of the score in standard deviations of clean scores; 0 is BIM.
        pairs: Query pairs an image and step, for detectors without a gradient.
        radius: Size of the queries' steps on pixels in [0, 1].
        memory: Share of the running mean of estimates that is kept from step to step.
    """

    name = "detector-min"
    source = (
        "this project; the detector in the loss as in Carlini and Wagner 2017, Adversarial examples are not easily "
        "detected; queries as in Spall 1992, Multivariate stochastic approximation using a simultaneous perturbation "
        "gradient approximation"
    )
    needs_detector: ClassVar[bool] = True
    takes_objective = False

    known_detector_: KnownDetector | None = None

    def __init__(
        self,
        *,
        steps: Count = 40,
        step_size: Length | None = None,
        weight: NotNegative = 0.3,
        pairs: AtOnce = 16,
        radius: PixelLength = "1/255",
        memory: Memory = 0.8,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.weight = weight
        self.pairs = pairs
        self.radius = radius
        self.memory = memory

    def default_objective(self) -> Objective:
        return DetectorScore(base=CrossEntropy(), weight=self.weight, detector=self.known_detector_)

    def budget(self) -> str:
        return f"{super().budget()}, the detector's gradient or {self.pairs} pairs of queries a step where it has none"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return replace(super().effort(norm, epsilon), detector_questions=2 * self.pairs * self.steps)

    def prepare(self, aids: Aids) -> None:
        radius = Epsilon.parse(self.radius, where=f"attack {self.name}: radius").value
        if self.pairs < 1 or radius <= 0 or not 0 <= self.memory < 1:
            raise UserError(
                f"{self.pairs} pairs of queries, radius {self.radius} and memory {self.memory} estimate no gradient",
                where=f"attack {self.name}",
                remedy="give at least one pair, a positive radius, and a memory from 0 up to and not including 1",
            )
        self.known_detector_ = aids.detector

    def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:  # type: ignore[override]
        if self.known_detector_ is None:
            raise AttackError(f"{self.name} needs a detector to deceive")
        # The objective that came with the victim was made before the detector was known.
        return super().run(victim.towards(self.default_objective()), x, noise, stop)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> LeastConspicuous:
        return LeastConspicuous(x, torch.zeros_like(x), x, torch.full_like(x[:, 0, 0, 0], float("inf")))

    def step(self, victim: Victim, state: LeastConspicuous, noise: Noise) -> LeastConspicuous:  # type: ignore[override]
        ball, detector = victim.ball, self.known_detector_
        assert detector is not None
        size = resolve_step_size(self.step_size, epsilon=ball.epsilon, steps=self.steps, reach=self.reach)
        at = victim.ascent(state.x, noise)
        if not self.weight:
            return replace(state, x=ball.project(state.x.add(ball.steepest(at.gradient), alpha=size)))
        reached, gradient, mean = victim.aim.reached(at.logits), at.gradient, state.mean
        if detector.differentiable_score is None:
            estimate, level = self._estimate(victim, detector, state.x, noise)
            mean = self.memory * mean + (1 - self.memory) * estimate
            # The zeros that the mean began with are weighed out again.
            uphill = mean / (1 - self.memory ** (noise.step + 1))
            gradient = gradient - self.weight * reached.view(-1, 1, 1, 1) * uphill
        else:
            level = CrossEntropy()(at.logits, None, victim.aim) - at.value
        # Where several are equally hidden the last has moved farthest past the decision.
        better = reached & (level <= state.level + _ROUNDING)
        hidden = torch.where(better.view(-1, 1, 1, 1), state.x, state.hidden)
        level = torch.where(better, level, state.level)
        x = ball.project(state.x.add(ball.steepest(gradient), alpha=size))
        if noise.step == self.steps - 1:
            x = torch.where(level.isfinite().view(-1, 1, 1, 1), hidden, x)
        return LeastConspicuous(x, mean, hidden, level)

    def _estimate(self, victim: Victim, detector: KnownDetector, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Estimated gradient of the detector's score at `x` [B, C, H, W], and its mean around `x` [B]."""
        radius = Epsilon.parse(self.radius, where="radius").value

        def score(images: Tensor, rows: Tensor, draws: Noise) -> Tensor:
            # All pairs of an image meet the same draws of a randomized defense.
            del draws
            return detector.score(images, *victim[rows].features(images, noise[rows])).clamp_min(0)

        return antithetic_gradient(score, x, noise, pairs=self.pairs, sigma=radius, signs=True)
