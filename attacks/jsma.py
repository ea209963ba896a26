"""JSMA: the Jacobian-based saliency map attack."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.effort import Effort
from attacks.searches.iterative import IterativeAttack, State
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Norm


class JSMA(IterativeAttack):
    """Jacobian saliency map attack: a few pixels at a time go all the way to black or white.

    Papernot's map keeps the pixels that raise the target's output and lower the sum of the others', and ranks them by
    the product. His outputs are a softmax's and sum to one, so the two slopes are each other's negative, the ranking
    is that of the slope of the target's log-probability, and the best pair of pixels is the two best: one gradient a
    step in place of a Jacobian. Without a target, the true class is lowered. A pixel's slope is weighed by the way
    that the pixel can still go; all channels of a pixel count as one.

    Written out rather than wrapped: torchattacks takes (label + 1) mod 10 for a target, which fewer classes do not
    have, compares all pairs of values, 9.4 million in a 3×32×32 image, and reads raw logits, of which one logit made
    into two gives an empty map.

    Args:
        steps: Largest number of steps; the bound, a number of pixels, usually ends the attack before.
        pixels_per_step: Pixels changed in one step; the paper's is 2.
        theta: θ: how far a pixel moves in one step, on [0, 1]; the paper's is 1, which overshoots on gray images.
        direction: Whether pixels only grow brighter (the paper's), only darker, or either, whichever is steeper
            (Wiyatno and Xu 2018, Maximal JSMA).
    """

    name = "jsma"
    source = "Papernot et al. 2016, The limitations of deep learning in adversarial settings, algorithm 2, eqs. 8 and 9"
    norms = frozenset({Norm.L0})

    def __init__(
        self,
        *,
        steps: Count = 100,
        pixels_per_step: Count = 2,
        theta: Annotated[float, Interval(gt=0, le=1)] = 0.2,
        direction: Literal["either", "brighter", "darker"] = "either",
    ) -> None:
        self.steps = steps
        self.pixels_per_step = pixels_per_step
        self.theta = theta
        self.direction = direction

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """In pixels driven from one end of their range to the other, of the ε that may be."""
        return replace(super().effort(norm, epsilon), reach=self.steps * self.pixels_per_step * self.theta / epsilon)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> State:
        return State(x)

    def step(self, victim: Victim, state: State, noise: Noise) -> State:
        ascent = victim.gradient(state.x, noise)
        wanted = {"either": ascent.sign(), "brighter": torch.ones_like(ascent), "darker": -torch.ones_like(ascent)}
        moved = (state.x + self.theta * wanted[self.direction]).clamp(0, 1)
        gain = (ascent * (moved - state.x)).clamp_min(0)
        saliency = gain.sum(1).flatten(1)
        touched = (state.x != victim.ball.center).any(1).flatten(1)
        left = int(victim.ball.epsilon) - touched.sum(1, keepdim=True)
        # A pixel that was changed before costs nothing; of the others, only as many as the bound has left.
        fresh = saliency.masked_fill(touched, -1)
        rank = fresh.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        saliency = torch.where(touched | (rank < left), saliency, torch.zeros_like(saliency))
        best = saliency.topk(min(self.pixels_per_step, saliency.shape[1]), dim=1)
        chosen = torch.zeros_like(saliency).scatter(1, best.indices, best.values)
        change = (gain > 0) & (chosen > 0).view(-1, 1, *state.x.shape[2:])
        return State(torch.where(change, moved, state.x))
