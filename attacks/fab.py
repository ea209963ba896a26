"""FAB: the fast adaptive boundary attack."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.geometry.ball import perturbation_size
from attacks.geometry.projection import onto_plane
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.linear_boundary import RivalState, likely_rivals, linearize
from attacks.searches.minimum_norm import MinimumNormAttack
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Share
from benchmark.core.threat import Norm


class FAB(MinimumNormAttack):
    """Fast adaptive boundary attack: project onto the linearised boundary, biased towards the clean image.

    Written out rather than wrapped: torchattacks' form indexes ten classes when asked for targets on fewer, takes
    any wrong class for a hit on the target, starts every batch from the same noise and writes into the parameters'
    gradients. Its untargeted steps are these, and the projection onto plane and box is solved exactly here. The
    objective of a suite is not used: the method needs differences of logits.

    Args:
        steps: Number of iterations.
        restarts: Searches; the first from the clean image, the others from random points at half the bound.
        overshoot: η: extrapolation beyond the boundary.
        bias: α_max: the largest weight of the clean image's own projection.
        backward: β: what remains of an adversarial perturbation before the next step.
        rivals: Wrong classes considered, the likeliest first.
    """

    name = "fab"
    source = (
        "Croce and Hein 2020, Minimally distorted adversarial examples with a fast adaptive boundary attack, alg. 1"
    )
    norms = frozenset({Norm.LINF, Norm.L2, Norm.L1})
    takes_objective = False

    def __init__(
        self,
        *,
        steps: Count = 100,
        restarts: Count = 1,
        overshoot: Annotated[float, Interval(ge=1, le=100)] = 1.05,
        bias: Share = 0.1,
        backward: Share = 0.9,
        rivals: Count = 9,
    ) -> None:
        self.steps = steps
        self.restarts = restarts
        self.overshoot = overshoot
        self.bias = bias
        self.backward = backward
        self.rivals = rivals

    def default_objective(self) -> Objective:
        """What its steps follow, whatever a suite says."""
        return Margin()

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> RivalState:
        first = x if noise.step == 0 else x + 0.5 * (victim.ball.random(noise.stream("point")) - x)
        return RivalState(first, likely_rivals(victim, noise, self.rivals))

    def step(self, victim: Victim, state: RivalState, noise: Noise) -> RivalState:
        clean, norm = victim.ball.center, victim.ball.norm
        adversarial = victim.aim.reached(self.look(victim, state.x, noise.stream("look")).logits).view(-1, 1, 1, 1)
        x = torch.where(adversarial, clean + self.backward * (state.x - clean), state.x)
        boundary = linearize(victim, x, state.rivals, noise)
        step = onto_plane(x, boundary.normal, boundary.gap, norm)
        # The same plane, seen from the clean image.
        gap = boundary.gap + (boundary.normal * (clean - x)).flatten(1).sum(1)
        direct = onto_plane(clean, boundary.normal, gap, norm)
        near, far = (perturbation_size(d, norm).clamp_min(1e-8) for d in (step, direct))
        weight = (near / (near + far)).clamp(max=self.bias).view(-1, 1, 1, 1)
        following = (1 - weight) * (x + self.overshoot * step) + weight * (clean + self.overshoot * direct)
        return RivalState(following.clamp(0, 1), state.rivals)
