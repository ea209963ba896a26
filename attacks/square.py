"""Square: random search by squares, through torchattacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.base import Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.objectives.aim import Aim
from attacks.searches.minimum_norm import NearestImages
from attacks.searches.stepwise import each_restart, restarted
from attacks.victim import Observation, Oracle
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Access, Norm


class Square(Attack):
    """Square attack: random search over square-shaped changes; asks for scores, never for a gradient.

    Runs torchattacks' implementation with its logits cloned, its generator isolated and its batches fixed, because one
    generator serves a whole batch there. Its L2 form fails on images that are not square, so only L∞ is offered. Its
    restarts are made here, one call each, so that every call has its own random numbers and every query is charged to
    the image it was about.

    Args:
        queries: Queries per image and restart.
        restarts: Independent runs; only images still standing are tried again.
    """

    name = "square"
    source = "Andriushchenko et al. 2020, Square attack, algorithm 1 (L∞); torchattacks 3.5.1"
    norms = frozenset({Norm.LINF})
    access = Access.SCORES
    batch_coupled = True

    def __init__(self, *, queries: Count = 1000, restarts: Count = 1) -> None:
        self.queries = queries
        self.restarts = restarts

    def budget(self) -> str:
        return restarted(f"{self.queries} queries", self.restarts)

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.queries, queries=self.queries * self.restarts)

    def duration(self) -> Duration:
        return Duration(queries=self.queries, numbers=self.queries * self.restarts)

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        nearest, submitted = NearestImages(victim.ball), x.clone()

        def standing() -> Tensor:
            return (nearest.broken_at < 0).nonzero().flatten()

        for restart, left, own in each_restart(self.restarts, noise, standing):
            queried = _Queried(victim, own, left, nearest, restart * self.queries)
            submitted[left] = self._once(queried, x[left])
        # What was seen and confirmed to be broken stands, whatever the library hands back.
        broken = (nearest.broken_at >= 0).view(-1, 1, 1, 1)
        return Attempt(torch.where(broken, nearest.x, submitted), nearest.broken_at)

    def _once(self, queried: _Queried, x: Tensor) -> Tensor:
        """One restart of the library's attack on clean images `x`."""
        import torchattacks

        victim, noise = queried.victim, queried.noise
        # The library looks at the clean images, the first squares and the result besides its own count.
        attack = torchattacks.Square(
            queried, norm="Linf", eps=victim.ball.epsilon, n_queries=max(1, self.queries - 3), n_restarts=1
        )
        # torchattacks seeds the global generator with `seed` on every call: make that seed the batch's own.
        attack.seed = int(noise.stream("square").lanes[0]) & 0xFFFFFFFF
        if victim.aim.targets is not None:
            attack.set_mode_targeted_by_label(quiet=True)
        wanted = victim.aim.labels if victim.aim.targets is None else victim.aim.targets
        with torch.no_grad():
            # Its bound is met up to float32 rounding, which the projection removes.
            return victim.ball.project(attack(x, wanted).detach())


class _Queried(nn.Module):
    """The oracle as the module that torchattacks expects; each call uses new random draws.

    The library leaves images out of its batch without saying which: those that its first look finds wrong, and then
    those whose margin has ever been met. Both follow from the answers given. A lucky draw of a randomized model that
    fresh ones do not confirm is answered as all but wrong, so that the search goes on from there.
    """

    def __init__(self, victim: Oracle, noise: Noise, rows: Tensor, nearest: NearestImages, asked_before: int) -> None:
        super().__init__()
        self.anchor = nn.Parameter(victim.ball.center.new_zeros(()), requires_grad=False)
        self.victim = victim[rows]
        self.noise = noise[rows]
        self.rows = rows
        self.nearest = nearest
        self.asked_before = asked_before
        self.calls = 0
        self.tried = torch.ones_like(rows, dtype=torch.bool)
        self.standing = self.tried

    def forward(self, x: Tensor) -> Tensor:
        """Images [b, C, H, W] → logits [b, K]."""
        mask = self.standing if x.shape[0] == int(self.standing.sum()) else self.tried
        some = mask.nonzero().flatten()
        assert len(some) == len(x), "torchattacks asks about other images than expected"
        victim, noise = self.victim[some], self.noise[some].at(self.calls)
        # Corners of the ball may lie outside it by float32 rounding.
        x = victim.ball.project(x)
        logits = victim.scores(x, noise)
        broken = self.nearest.record(
            victim, self.rows[some], Observation(x, logits), noise, step=self.asked_before + self.calls
        )
        logits = _still_standing(victim.aim, logits, ~broken)
        if self.calls == 0:
            self.tried = self.standing = ~victim.aim.reached(logits)
        else:
            self.standing = mask.clone()
            self.standing[some] = victim.aim.margin(logits) < 0
        self.calls += 1
        return logits


def _still_standing(aim: Aim, logits: Tensor, standing: Tensor) -> Tensor:
    """`logits` [B, K], the margins of images that stand [B] brought just below zero where they are not."""
    wanted = aim.labels if aim.targets is None else aim.targets
    column = wanted[:, None]
    rival = logits.scatter(1, column, float("-inf")).amax(1, keepdim=True)
    least = 1e-5 * rival.abs().clamp_min(1)
    corrected = logits.scatter(1, column, rival + least if aim.targets is None else rival - least)
    denied = standing & (aim.reached(logits) | (aim.margin(logits) >= 0))
    return torch.where(denied[:, None], corrected, logits)
