"""CW-L2: the attack of Carlini and Wagner."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.effort import Effort
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.minimum_norm import MinimumNormAttack
from attacks.searches.stepwise import State
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Confidence, Count, Positive, Rate
from benchmark.core.threat import Norm

_MARGIN = 0.02
"""Pixels at exactly 0 or 1 would lie at infinity in tanh space and never move: its box is this much wider, and cut."""

_FARTHEST_PIXEL = 0.1
"""Changes are spread over many pixels, so that none need go as far as ε."""


@dataclass(frozen=True)
class TradeOffState(State):
    """A search in tanh space for one constant c.

    Attributes:
        w: Where it stands in tanh space: [B, C, H, W].
        mean, square: Adam's moments, of the shape of `w`.
        constant: c: [B].
        failed, worked: The largest constant that failed and the smallest that worked (infinite if none): [B].
        found: Whether this constant has found an adversarial image: bool [B].
    """

    w: Tensor
    mean: Tensor
    square: Tensor
    constant: Tensor
    failed: Tensor
    worked: Tensor
    found: Tensor


class CWL2(MinimumNormAttack):
    """Carlini and Wagner's L2 attack: minimise ‖δ‖² + c · f in tanh space, searching for the smallest c that works.

    f is minus the logit margin, capped at confidence κ (their f6). Written out rather than wrapped: torchattacks clips
    all logits at zero, so that adding a constant to them changes the attack, leaves pixels at exactly 0 or 1 where they
    are, does not search for c, and stops a batch by its summed cost; foolbox hands in an all-black image where it finds
    nothing, and also stops a batch as one.

    Args:
        steps: Gradient steps in all, shared by the constants tried.
        searches: How many constants c are tried, by a factor of ten up to the first that works, then by halving.
        constant: The first c.
        learning_rate: Of Adam, in tanh space.
        confidence: κ in logits: the margin that the adversarial image must have.
    """

    name = "cw-l2"
    source = "Carlini and Wagner 2017, Towards evaluating the robustness of neural networks, section VI-A"
    norms = frozenset({Norm.L2})

    def __init__(
        self,
        *,
        steps: Count = 500,
        searches: Count = 5,
        constant: Positive = 0.1,
        learning_rate: Rate = 0.02,
        confidence: Confidence = 0.0,
    ) -> None:
        self.steps = steps
        self.searches = searches
        self.constant = constant
        self.learning_rate = learning_rate
        self.confidence = confidence

    def default_objective(self) -> Objective:
        return Margin(confidence=self.confidence)

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """Adam moves a pixel by half the learning rate in a step, and has to get somewhere for each constant."""
        each = self.steps // self.searches
        return Effort(each, gradients=self.steps, reach=each * self.learning_rate / 2 / min(epsilon, _FARTHEST_PIXEL))

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> TradeOffState:
        rows = torch.zeros(x.shape[0], device=x.device)
        nothing = torch.zeros_like(rows, dtype=torch.bool)
        w = _into_tanh_space(x)
        first = torch.full_like(rows, self.constant)
        never = torch.full_like(rows, float("inf"))
        return TradeOffState(_image(w), w, torch.zeros_like(w), torch.zeros_like(w), first, rows, never, nothing)

    def step(self, victim: Victim, state: TradeOffState, noise: Noise) -> TradeOffState:
        clean = victim.ball.center
        ascent = victim.gradient(state.x, noise)
        margin = victim.aim.margin(victim.observed.logits)
        found = state.found | (victim.aim.reached(victim.observed.logits) & (margin >= self.confidence))
        each = max(1, self.steps // max(1, self.searches))
        done = noise.step % each + 1
        if done == each:
            return self._next_constant(state, clean, found)
        slope = 2 * (state.x - clean) - state.constant.view(-1, 1, 1, 1) * ascent
        slope = slope * (1 - state.w.tanh().square()) * (0.5 + _MARGIN)
        mean = 0.9 * state.mean + 0.1 * slope
        square = 0.999 * state.square + 0.001 * slope.square()
        step = mean / (1 - 0.9**done) / ((square / (1 - 0.999**done)).sqrt() + 1e-12)
        w = state.w - self.learning_rate * step
        return TradeOffState(_image(w), w, mean, square, state.constant, state.failed, state.worked, found)

    def _next_constant(self, state: TradeOffState, clean: Tensor, found: Tensor) -> TradeOffState:
        """A fresh start with a smaller constant where this one worked, with a larger one where it did not."""
        failed = torch.where(found, state.failed, state.constant)
        worked = torch.where(found, state.constant, state.worked)
        constant = torch.where(worked.isfinite(), (failed + worked) / 2, state.constant * 10)
        w = _into_tanh_space(clean)
        return TradeOffState(
            _image(w),
            w,
            torch.zeros_like(w),
            torch.zeros_like(w),
            constant,
            failed,
            worked,
            torch.zeros_like(found),
        )


def _into_tanh_space(x: Tensor) -> Tensor:
    return ((2 * x - 1) / (1 + 2 * _MARGIN)).atanh()


def _image(w: Tensor) -> Tensor:
    return (w.tanh() * (0.5 + _MARGIN) + 0.5).clamp(0, 1)
