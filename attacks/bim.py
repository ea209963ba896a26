"""BIM: the basic iterative method."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from attacks.effort import Effort
from attacks.searches.iterative import IterativeAttack, State
from attacks.searches.step_size import reach_of_steps, resolve_step_size
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length
from benchmark.core.threat import Norm


class BIM(IterativeAttack):
    """Basic iterative method: steepest ascent from the clean image, projected onto the ball.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default, the choice of Yao et al. 2021.
    """

    name = "bim"
    source = "Kurakin et al. 2017, Adversarial examples in the physical world, section 2.2"
    norms = frozenset({Norm.LINF, Norm.L2, Norm.L1})
    reach: ClassVar[float] = 2.0

    def __init__(self, *, steps: Count = 20, step_size: Length | None = None) -> None:
        self.steps = steps
        self.step_size = step_size

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        reach = reach_of_steps(self.step_size, epsilon=epsilon, steps=self.steps, reach=self.reach)
        return replace(super().effort(norm, epsilon), reach=reach)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> State:
        return State(x)

    def step(self, victim: Victim, state: State, noise: Noise) -> State:
        ball = victim.ball
        size = resolve_step_size(self.step_size, epsilon=ball.epsilon, steps=self.steps, reach=self.reach)
        ascent = victim.gradient(state.x, noise)
        return State(ball.project(state.x.add(ball.steepest(ascent), alpha=size)))
