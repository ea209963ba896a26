"""DDN: decoupled direction and norm."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.effort import Effort
from attacks.searches.minimum_norm import MinimumNormAttack, unit_length
from attacks.searches.stepwise import State
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Positive
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class SphereState(State):
    """A search on a sphere around the clean image.

    Attributes:
        radius: Its radius: [B].
    """

    radius: Tensor


class DDN(MinimumNormAttack):
    """Decoupled direction and norm: gradient steps on a sphere that shrinks on success and grows on failure.

    Written out rather than wrapped: foolbox puts random noise in the place of a vanished gradient, so a masked
    gradient looks like a working search, and runs every image to the last step. The steps are foolbox's otherwise.

    Args:
        steps: Number of steps K.
        radius: ε₀: the first sphere.
        change: γ: by what share the sphere shrinks or grows in one step.
    """

    name = "ddn"
    source = "Rony et al. 2019, Decoupling direction and norm for efficient gradient-based L2 attacks, algorithm 1"
    norms = frozenset({Norm.L2})

    def __init__(
        self, *, steps: Count = 100, radius: Positive = 1.0, change: Annotated[float, Interval(gt=0, lt=1)] = 0.05
    ) -> None:
        self.steps = steps
        self.radius = radius
        self.change = change

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """The sphere grows with every step that finds nothing."""
        reach = self.radius * (1 + self.change) ** self.steps / epsilon
        return replace(super().effort(norm, epsilon), reach=reach)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> SphereState:
        return SphereState(x, torch.full((x.shape[0],), self.radius, device=x.device))

    def step(self, victim: Victim, state: SphereState, noise: Noise) -> SphereState:
        clean = victim.ball.center
        ascent = victim.gradient(state.x, noise)
        adversarial = victim.aim.reached(victim.observed.logits)
        # Cosine annealing from 1 to 0.01, on perturbations in [0, 1] pixels.
        size = 0.01 + 0.99 * (1 + math.cos(math.pi * noise.step / self.steps)) / 2
        direction = unit_length(state.x - clean + size * unit_length(ascent))
        radius = state.radius * torch.where(adversarial, 1 - self.change, 1 + self.change)
        farthest = torch.maximum(clean, 1 - clean).flatten(1).norm(dim=1)
        radius = torch.minimum(radius, farthest)
        x = (clean + radius.view(-1, 1, 1, 1) * direction).clamp(0, 1)
        return SphereState(x, radius)
