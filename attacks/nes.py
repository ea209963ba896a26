"""NES and SPSA: sign steps along a gradient estimated from queries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from attacks.base import Aids
from attacks.effort import LEAST_VALUES, Effort
from attacks.gradients.antithetic import antithetic_gradient
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.iterative import IterativeAttack, State
from attacks.searches.step_size import reach_of_steps, resolve_step_size
from attacks.victim import Oracle
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Count, Deviation, Length, Memory
from benchmark.core.threat import Access, Norm

DIRECTIONS = ("gaussian", "signs")


@dataclass(frozen=True)
class EstimatedState(State):
    """A search that remembers its estimates.

    Attributes:
        mean: Running mean of the estimated gradients: [B, C, H, W].
    """

    mean: Tensor


class NES(IterativeAttack):
    """Zeroth-order ascent: the margin's gradient from antithetic pairs of queries, for models that have none.

    (1/n) Σᵢ [J(x + σuᵢ) − J(x − σuᵢ)] / (2σ) · uᵢ with Gaussian uᵢ (NES) or random signs (SPSA), then PGD's step along
    the running mean of the estimates, which differ far more by chance than the gradient does from step to step. Both
    queries of a pair see the same random draws of the defense, so that their difference is the images'. Pairs are
    stacked into one batch, always the same number of each image; queries stay in [0, 1].

    Args:
        steps: Number of steps T.
        pairs: n, pairs of queries per step.
        sigma: σ on pixels in [0, 1]. It must reach across a quantizing defense's rounding.
        step_size: α on pixels in [0, 1]; 2.5ε/T by default.
        directions: "gaussian" (NES) or "signs" (SPSA).
        momentum: Share of the running mean that a step keeps, 0.9 in the authors' code; 0 for the last estimate alone.
        restarts: Independent random starts; only images still standing are tried again.
    """

    name = "nes"
    source = "Ilyas et al. 2018, Black-box adversarial attacks with limited queries, alg. 1; signs: Uesato et al. 2018"
    norms = frozenset({Norm.LINF, Norm.L2})
    access = Access.SCORES

    def __init__(
        self,
        *,
        steps: Count = 50,
        pairs: AtOnce = 50,
        sigma: Deviation = 0.01,
        step_size: Length | None = None,
        directions: Literal["gaussian", "signs"] = "gaussian",
        momentum: Memory = 0.9,
        restarts: Count = 1,
    ) -> None:
        self.steps = steps
        self.pairs = pairs
        self.sigma = sigma
        self.step_size = step_size
        self.directions = directions
        self.momentum = momentum
        self.restarts = restarts

    def default_objective(self) -> Objective:
        if self.directions not in DIRECTIONS:
            raise UserError(
                f"unknown directions {self.directions!r}",
                where=f"attack {self.name!r}",
                remedy=did_you_mean(self.directions, [*DIRECTIONS]),
            )
        return Margin()

    def prepare(self, aids: Aids) -> None:
        """Raises UserError for a momentum that no estimate would get past."""
        if not 0 <= self.momentum < 1:
            raise UserError(
                f"momentum = {self.momentum} makes no step",
                where=f"attack {self.name!r}",
                remedy="give a number from 0 up to and not including 1",
            )

    def budget(self) -> str:
        return f"{super().budget()} × {2 * self.pairs + 1} queries"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        reach = reach_of_steps(self.step_size, epsilon=epsilon, steps=self.steps, reach=2.5)
        return Effort(self.steps, queries=self.steps * self.restarts * (2 * self.pairs + 1), reach=reach)

    def least(self) -> Effort:
        """More than a search that tries one image a query: most of them go into knowing where to step."""
        return replace(super().least(), queries=LEAST_VALUES)

    def start(self, victim: Oracle, x: Tensor, noise: Noise) -> EstimatedState:
        return EstimatedState(victim.ball.random(noise), torch.zeros_like(x))

    def step(self, victim: Oracle, state: EstimatedState, noise: Noise) -> EstimatedState:
        ball = victim.ball
        size = resolve_step_size(self.step_size, epsilon=ball.epsilon, steps=self.steps, reach=2.5)
        estimate = self.estimate(victim, state.x, noise)
        # The step has a fixed length, so that the zeros which the mean began with need not be weighed out.
        mean = self.momentum * state.mean + (1 - self.momentum) * estimate
        return EstimatedState(ball.project(state.x + size * ball.steepest(mean)), mean)

    def estimate(self, victim: Oracle, x: Tensor, noise: Noise) -> Tensor:
        """The gradient of the margin at `x` [B, C, H, W], up to the estimator's own spread."""

        def margin(images: Tensor, rows: Tensor, draws: Noise) -> Tensor:
            asked = victim[rows]
            return asked.aim.margin(asked.scores(images, draws))

        signs = self.directions == "signs"
        return antithetic_gradient(margin, x, noise, pairs=self.pairs, sigma=self.sigma, signs=signs)[0]
