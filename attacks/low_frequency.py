"""Low-frequency PGD: what a purifier must leave, since images are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval
from torch import Tensor

from attacks.geometry.ball import Ball, perturbation_size
from attacks.geometry.frequency import low_frequencies
from attacks.pgd import PGD
from attacks.searches.iterative import State
from attacks.searches.step_size import resolve_step_size
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class LowFrequencyState(State):
    """Where the search stands before its image is brought into the ball.

    Attributes:
        perturbation: Of low frequencies alone: [B, C, H, W].
    """

    perturbation: Tensor


class LowFrequency(PGD):
    """PGD within the lowest spatial frequencies: the gradient and the perturbation have none above them.

    A purifier takes away what is small and fast, and a vote over its draws decides as most of them do, so that a
    perturbation counts only if it is left in most draws. What it cannot take away without the image are slow waves
    (Kassis et al. 2025 find that votes over purified draws fall to them and hold against PGD). Each step is
    u ← P(Π(x + u + α sign(P ∇)) − x) with P the projection on the lowest coefficients of the cosine transform and Π the
    one on the ball; the image asked about is Π(x + u), the cut at the bound its only faster part.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2.5ε/T by default.
        restarts: Independent random starts; only images still standing are tried again.
        band: The share of the frequencies of each axis that the perturbation may have.
    """

    name = "low-frequency"
    source = (
        "Kassis, Hengartner, Yu 2025, DiffBreak: is diffusion-based purification robust?, low-frequency attack, here "
        "with a cosine basis in place of learned filters; PGD of Madry et al. 2018"
    )
    norms = frozenset({Norm.LINF, Norm.L2})
    low_frequency = True

    def __init__(
        self,
        *,
        steps: Count = 50,
        step_size: Length | None = None,
        restarts: Count = 1,
        band: Annotated[float, Interval(gt=0, le=1)] = 0.25,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size, restarts=restarts)
        self.band = band

    def budget(self) -> str:
        return f"{super().budget()} within the lowest {self.band:.0%} of the frequencies of each axis"

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> LowFrequencyState:
        """A random wave of up to the size of the ball."""
        ball = victim.ball
        wave = low_frequencies(ball.random(noise) - ball.center, self.band)
        size = perturbation_size(wave, ball.norm).clamp_min(1e-12)
        share = noise.stream("size").uniform((1, 1, 1)) * ball.epsilon
        return _within(ball, wave * share / size.view(-1, 1, 1, 1), self.band)

    def step(self, victim: Victim, state: Any, noise: Noise) -> LowFrequencyState:
        ball = victim.ball
        size = resolve_step_size(self.step_size, epsilon=ball.epsilon, steps=self.steps, reach=self.reach)
        ascent = low_frequencies(victim.gradient(state.x, noise), self.band)
        return _within(ball, state.perturbation + size * ball.steepest(ascent), self.band)


def _within(ball: Ball, perturbation: Tensor, band: float) -> LowFrequencyState:
    allowed = ball.project(ball.center + perturbation) - ball.center
    slow = low_frequencies(allowed, band)
    return LowFrequencyState(ball.project(ball.center + slow), slow)
