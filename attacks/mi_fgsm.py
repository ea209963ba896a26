"""MI-FGSM: the momentum iterative fast gradient sign method."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attacks.effort import Effort
from attacks.searches.iterative import IterativeAttack, State
from attacks.searches.step_size import reach_of_steps, resolve_step_size
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length, NotNegative
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class MomentumState(State):
    """A search with memory.

    Attributes:
        momentum: The accumulated gradient g_t: [B, C, H, W].
    """

    momentum: Tensor


class MIFGSM(IterativeAttack):
    """Momentum iterative method: steepest ascent on an accumulated gradient, projected onto the ball.

    g_{t+1} = μ g_t + ∇J / ‖∇J‖₁ (eq. 6) and a step along its sign (eq. 7) or, in L2, along g / ‖g‖₂ (eq. 10). Written
    out rather than wrapped: it is one line more than BIM, while torchattacks returns the last iterate instead of the
    best, divides by a zero gradient (NaN pixels) and cannot carry another objective. The steps are torchattacks' own.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; ε/T by default, the paper's choice.
        decay: μ: how much of the accumulated gradient a step keeps.
    """

    name = "mi-fgsm"
    source = "Dong et al. 2018, Boosting adversarial attacks with momentum, algorithm 1, eqs. 6, 7 and 10"
    norms = frozenset({Norm.LINF, Norm.L2})

    def __init__(self, *, steps: Count = 20, step_size: Length | None = None, decay: NotNegative = 1.0) -> None:
        self.steps = steps
        self.step_size = step_size
        self.decay = decay

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        reach = reach_of_steps(self.step_size, epsilon=epsilon, steps=self.steps, reach=1.0)
        return replace(super().effort(norm, epsilon), reach=reach)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> MomentumState:
        return MomentumState(x, torch.zeros_like(x))

    def step(self, victim: Victim, state: MomentumState, noise: Noise) -> MomentumState:
        ball = victim.ball
        size = resolve_step_size(self.step_size, epsilon=ball.epsilon, steps=self.steps, reach=1.0)
        ascent = victim.gradient(state.x, noise)
        length = ascent.abs().mean((1, 2, 3), keepdim=True)
        momentum = self.decay * state.momentum + ascent / torch.where(length > 0, length, torch.ones_like(length))
        return MomentumState(ball.project(state.x + size * ball.steepest(momentum)), momentum)
