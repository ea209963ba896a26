"""HopSkipJump: along the decision boundary, by decisions alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.base import Aids
from attacks.effort import Duration, Effort
from attacks.geometry.ball import perturbation_size
from attacks.searches.minimum_norm import MinimumNormAttack, unit_length
from attacks.searches.starting_points import TRIES, Pool, decides, first_point
from attacks.searches.stepwise import State
from attacks.victim import Oracle
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Access, Norm

_BISECTIONS, _HALVINGS = 16, 10
_STACKED = 20
"""Probes of one image that are asked about in one batch."""


@dataclass(frozen=True)
class BoundaryState(State):
    """A walk along the decision boundary.

    Attributes:
        found: Whether the image has been on the boundary yet; until then `x` is the clean one: bool [B].
    """

    found: Tensor


class HopSkipJump(MinimumNormAttack):
    """HopSkipJump: estimate the boundary's normal from decisions, step along it, and bisect back to the boundary.

    The first point is the nearest training image (of the target class, or of any wrong one) on which the model decides
    as wanted, or else a random pattern. Written out rather than wrapped: foolbox gives up on the whole batch when one
    image has no first point, scales the estimated normals by the norm of the whole batch, halves its step without end,
    which a randomized model can make eternal, and draws from the global generator. Every loop here has an end, and an
    image without a first point goes on looking for one. Directions are probed at a distance of ‖x̃ − x‖₂ / d, in L2
    for both norms, and at no less than a thousandth of ‖x̃ − x‖₂, since float32 resolves no less in large images.

    Args:
        queries: Largest number of queries per image.
        evaluations: B₀: directions probed for the first normal; √t times as many in step t.
    """

    name = "hopskipjump"
    source = "Chen et al. 2020, HopSkipJumpAttack: a query-efficient decision-based attack, algorithms 1 and 2"
    norms = frozenset({Norm.L2, Norm.LINF})
    access = Access.DECISIONS
    pool_: Pool | None = None

    def __init__(self, *, queries: Count = 2000, evaluations: Count = 50) -> None:
        self.queries = queries
        self.evaluations = evaluations

    def prepare(self, aids: Aids) -> None:
        self.pool_ = Pool.of(aids) if len(aids.train) else None

    def moves(self) -> int:
        steps, spent = 0, 1
        while spent + (cost := max(self._probes(steps), TRIES) + _BISECTIONS + _HALVINGS + 1) <= self.queries:
            steps, spent = steps + 1, spent + cost
        return steps

    def budget(self) -> str:
        return f"{self.queries} queries"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.moves(), queries=self.queries)

    def duration(self) -> Duration:
        return Duration(queries=self.queries, numbers=self.moves() + 1)

    def start(self, victim: Oracle, x: Tensor, noise: Noise) -> BoundaryState:
        return BoundaryState(x, torch.zeros(x.shape[0], dtype=torch.bool, device=x.device))

    def step(self, victim: Oracle, state: BoundaryState, noise: Noise) -> BoundaryState:
        self.look(victim, state.x, noise.stream("look"))
        proposal, found = state.x.clone(), state.found.clone()
        lost, some = (~state.found).nonzero().flatten(), state.found.nonzero().flatten()
        if len(lost):
            proposal[lost], found[lost] = first_point(victim[lost], noise[lost], self.pool_)
        if len(some):
            proposal[some] = self._jump(victim[some], state.x[some], noise[some])
        some = found.nonzero().flatten()
        if len(some):
            proposal[some] = self._bisect(victim[some], proposal[some], noise[some].stream("bisect"))
        return BoundaryState(proposal, found)

    def _probes(self, step: int) -> int:
        return max(1, int(self.evaluations * math.sqrt(step + 1)))

    def _jump(self, victim: Oracle, x: Tensor, noise: Noise) -> Tensor:
        """One step along the estimated normal, halved until the image is decided as wanted; `x` where it never is."""
        norm, size = victim.ball.norm, victim.ball.size(x)
        normal = self._normal(victim, x, noise)
        direction = normal.sign() if norm is Norm.LINF else unit_length(normal)
        length = size / math.sqrt(noise.step + 1)
        point, settled = x.clone(), torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
        for halving in range(_HALVINGS):
            some = (~settled).nonzero().flatten()
            if not len(some):
                break
            candidate = (x[some] + length[some].view(-1, 1, 1, 1) * direction[some]).clamp(0, 1)
            reached = decides(victim[some], candidate, noise[some].stream(f"halving {halving}"))
            point[some[reached]] = candidate[reached]
            settled[some[reached]] = True
            length = length / 2
        return point

    def _normal(self, victim: Oracle, x: Tensor, noise: Noise) -> Tensor:
        """The boundary's normal at `x`, up to its length: Σ (φ − mean φ) u over random unit directions u (eq. 16)."""
        distance = (x - victim.ball.center).flatten(1).norm(dim=1)
        radius = (distance * max(1 / x[0].numel(), 1e-3)).clamp_min(1e-6).view(-1, 1, 1, 1)
        probes, shape = self._probes(noise.step), x.shape[1:]
        rows = torch.arange(x.shape[0], device=x.device)
        total, signed, answers = torch.zeros_like(x), torch.zeros_like(x), x.new_zeros(x.shape[0], 1, 1, 1)
        for first in range(0, probes, _STACKED):
            count = min(_STACKED, probes - first)
            at = noise.stream(f"probes from {first}").repeat(count)
            several = rows.repeat_interleave(count)
            direction = at.uniform(shape) * 2 - 1 if victim.ball.norm is Norm.LINF else at.normal(shape)
            probe = (x[several] + radius[several] * unit_length(direction)).clamp(0, 1)
            # What is left of the direction once the box has had its part.
            direction = (probe - x[several]) / radius[several]
            answer = decides(victim[several], probe, at).to(x.dtype).view(-1, 1, 1, 1) * 2 - 1
            total = total + direction.unflatten(0, (-1, count)).sum(1)
            signed = signed + (answer * direction).unflatten(0, (-1, count)).sum(1)
            answers = answers + answer.unflatten(0, (-1, count)).sum(1)
        mean = answers / probes
        return torch.where(mean.abs() == 1, signed, signed - mean * total)

    def _bisect(self, victim: Oracle, x: Tensor, noise: Noise) -> Tensor:
        """The point on the way from the clean image to `x` (wanted decision) where the decision changes."""
        clean, norm = victim.ball.center, victim.ball.norm
        delta = x - clean
        size = perturbation_size(delta, norm).view(-1, 1, 1, 1)

        def on_the_way(share: Tensor) -> Tensor:
            part = share.view(-1, 1, 1, 1)
            if norm is Norm.LINF:
                return clean + torch.minimum(torch.maximum(delta, -part * size), part * size)
            return clean + part * delta

        low, high = torch.zeros_like(size.flatten()), torch.ones_like(size.flatten())
        for number in range(_BISECTIONS):
            middle = (low + high) / 2
            reached = decides(victim, on_the_way(middle), noise.stream(f"{number}"))
            low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
        return on_the_way(high)
