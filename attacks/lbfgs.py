"""L-BFGS: the first adversarial attack, a minimum-norm search by box-constrained L-BFGS."""

from __future__ import annotations

from itertools import count

import torch
from torch import Tensor

from attacks.base import Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.objectives.aim import Aim
from attacks.searches.linear_boundary import likely_rivals
from attacks.searches.minimum_norm import NearestImages, look
from attacks.searches.quasi_newton import minimize_in_box
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Norm

_LARGEST, _SMALLEST = 4.0, -4.0
"""Decimal logarithms of the largest and smallest c."""


class LBFGS(Attack):
    """Minimises c · ‖δ‖² − J(x + δ) over x + δ in [0, 1], for the largest c whose minimiser is adversarial.

    c is found for each image by bisection of its logarithm between 10⁻⁴ and 10⁴. Like the paper's, the search is for
    one class: the target, or the likeliest wrong class where any will do. All images are minimised side by side, each
    with its own history, and every adversarial image met on the way counts. A randomized defense is minimised for
    draws that stay fixed, since a line search cannot work on a function that changes; what it finds is verified with
    fresh ones. With `Stop.NEVER` the whole bisection is run and the nearest image submitted.

    Args:
        searches: Values of c tried.
        evaluations: Gradients per value of c, at most.
    """

    name = "lbfgs"
    source = "Szegedy et al. 2014, Intriguing properties of neural networks, section 4.1"
    norms = frozenset({Norm.L2})
    minimal = True

    def __init__(self, *, searches: Count = 12, evaluations: Count = 30) -> None:
        self.searches = searches
        self.evaluations = evaluations

    def budget(self) -> str:
        return f"{self.searches} searches of at most {self.evaluations} gradients"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.evaluations, gradients=self.searches * self.evaluations)

    def duration(self) -> Duration:
        return Duration(numbers=self.searches)

    def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        nearest = NearestImages(victim.ball)
        rival = likely_rivals(victim, noise.stream("rival"), 1)[:, 0]
        pursued = Aim(victim.aim.labels, rival, victim.aim.sample_ids)
        victim = victim.towards(victim.objective, pursued=pursued)
        lowest = torch.full((x.shape[0],), _SMALLEST, device=x.device)
        highest = torch.full_like(lowest, _LARGEST)
        alive = torch.arange(x.shape[0], device=x.device)
        for search in range(self.searches):
            middle = (lowest[alive] + highest[alive]) / 2
            asked, at = victim[alive], noise[alive].at(search)
            found = self._minimize(asked, alive, 10**middle, at, nearest, search)
            seen = look(asked, found, at.stream("look"))
            broken = nearest.record(asked, alive, seen, at.stream("last"), step=search)
            adversarial = asked.aim.reached(seen.logits)
            lowest[alive] = torch.where(adversarial, middle, lowest[alive])
            highest[alive] = torch.where(adversarial, highest[alive], middle)
            if stop is Stop.FIRST_SUCCESS:
                alive = alive[~broken]
                if not len(alive):
                    break
        return nearest.attempt()

    def _minimize(
        self, victim: Victim, rows: Tensor, weight: Tensor, noise: Noise, nearest: NearestImages, search: int
    ) -> Tensor:
        clean = victim.ball.center.flatten(1)
        shape = victim.ball.center.shape[1:]
        evaluation = count()

        def function(points: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            asked, at = victim[which], noise[which]
            ascent = asked.ascent(points.unflatten(1, shape), at.stream("minimize"))
            fresh = at.stream("found").at(next(evaluation))
            nearest.record(asked, rows[which], asked.observed, fresh, step=search)
            delta = points - clean[which]
            value = weight[which] * delta.square().sum(1) - ascent.value
            return value, 2 * weight[which, None] * delta - ascent.gradient.flatten(1)

        return minimize_in_box(function, clean, evaluations=self.evaluations).unflatten(1, shape)
