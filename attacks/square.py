"""Square: random search by squares, through torchattacks."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.base import Attack, Stop
from attacks.library import Queried
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
        queried = Queried(victim, noise)
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
