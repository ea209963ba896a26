"""Square: random search by squares, through torchattacks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.base import Attack, Stop
from attacks.victim import Oracle
from benchmark.noise import Noise
from benchmark.threat import Access, Norm


class Square(Attack):
    """Square attack: random search over square-shaped changes; asks for scores, never for a gradient.

    Runs torchattacks' implementation with its logits cloned, its generator isolated and its batches fixed, because one
    generator serves a whole batch there. The L2 form of torchattacks fails on images that are not square, so only L∞
    is offered.

    Args:
        queries: Queries per image.
        restarts: Independent runs.
    """

    name = "square"
    source = "Andriushchenko et al. 2020, Square attack, algorithm 1 (L∞); torchattacks 3.5.1"
    norms = frozenset({Norm.LINF})
    access = Access.SCORES
    batch_coupled = True

    def __init__(self, *, queries: int = 1000, restarts: int = 1) -> None:
        self.queries = queries
        self.restarts = restarts

    def budget(self) -> str:
        return f"{self.queries} queries" + (f" × {self.restarts} restarts" if self.restarts > 1 else "")

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        import torchattacks

        ball = victim.ball
        queried = _Queried(victim, noise)
        attack = torchattacks.Square(
            queried, norm="Linf", eps=ball.epsilon, n_queries=self.queries, n_restarts=self.restarts, seed=0
        )
        # torchattacks seeds the global generator with `seed` on every call: make that seed the batch's own.
        attack.seed = int(noise.stream("square").key[0] ^ int(noise.sample_ids[0])) if len(noise) else 0
        if victim.aim.targets is not None:
            attack.set_mode_targeted_by_label(quiet=True)
        wanted = victim.aim.labels if victim.aim.targets is None else victim.aim.targets
        with torch.no_grad():
            # Its bound is met up to float32 rounding, which the projection removes.
            return ball.project(attack(x, wanted).detach())


class _Queried(nn.Module):
    """The oracle as the module that torchattacks expects; each call uses new random draws."""

    def __init__(self, victim: Oracle, noise: Noise) -> None:
        super().__init__()
        self.anchor = nn.Parameter(victim.ball.center.new_zeros(()), requires_grad=False)
        self.victim = victim
        self.noise = noise
        self.rows = torch.arange(len(noise), device=self.anchor.device)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if x.shape[0] != len(self.rows):
            # The set of images still standing has changed: each row belongs to the clean image nearest to it.
            clean = self.victim.ball.center.flatten(1)
            self.rows = torch.cdist(x.flatten(1), clean, p=float("inf")).argmin(1)
        return self.victim[self.rows].scores(x, self.noise[self.rows].at(self.calls))
