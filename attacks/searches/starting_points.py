"""Where a decision-based attack begins: any image, however far, that the model decides as the attacker wants."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from attacks.base import Aids
from attacks.victim import Oracle
from benchmark.core.noise import Noise

TRIES = 16
"""Queries that one search for a first point may cost."""
_IMAGES_PER_CLASS = 32


def decides(victim: Oracle, x: Tensor, noise: Noise) -> Tensor:
    """Whether the model decides as the attacker wants, and nothing else about its answer: bool [B]."""
    return victim.aim.reached(victim.scores(x, noise))


@dataclass(frozen=True)
class Pool:
    """The attacker's own images.

    Attributes:
        images: [N, C, H, W].
        labels: What they show: int64 [N].
    """

    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, aids: Aids) -> Pool:
        """Some training images of each class."""
        shuffled = torch.randperm(len(aids.train), generator=torch.Generator().manual_seed(aids.seed))
        labels = aids.train.labels[shuffled]
        chosen = torch.cat([shuffled[labels == c][:_IMAGES_PER_CLASS] for c in range(aids.classes)])
        return cls(aids.train.floats(chosen, device=aids.device), aids.train.labels[chosen].to(aids.device))

    def near(self, victim: Oracle, count: int, turn: int) -> Tensor:
        """`count` images of the wanted class (or of any wrong one), the nearest first: [B, count, C, H, W].

        `turn` gives the next ones; where a class has too few, it begins again.
        """
        wanted = self.labels != victim.aim.labels[:, None]
        if victim.aim.targets is not None:
            wanted = self.labels == victim.aim.targets[:, None]
        distance = torch.cdist(
            victim.ball.center.flatten(1), self.images.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
        )
        order = distance.masked_fill(~wanted, float("inf")).argsort(dim=1, stable=True)
        rank = torch.arange(count, device=order.device) + turn * count
        return self.images[order.gather(1, rank % wanted.sum(1, keepdim=True).clamp_min(1))]


def first_point(victim: Oracle, noise: Noise, pool: Pool | None) -> tuple[Tensor, Tensor]:
    """A first point for as many images as can be had: the points [B, C, H, W], and which are found, bool [B].

    Half of the tries are images of the pool, if there is one; the others are random patterns.
    """
    point = victim.ball.center.clone()
    found = torch.zeros(point.shape[0], dtype=torch.bool, device=point.device)
    known = point[:, None][:, :0] if pool is None else pool.near(victim, TRIES // 2, noise.step)
    for number in range(TRIES):
        some = (~found).nonzero().flatten()
        if not len(some):
            break
        at = noise[some].stream(f"try {number}")
        candidate = known[some, number] if number < known.shape[1] else _pattern(at, point.shape[1:], number)
        reached = decides(victim[some], candidate, at)
        point[some[reached]] = candidate[reached]
        found[some[reached]] = True
    return point, found


def _pattern(noise: Noise, shape: torch.Size, number: int) -> Tensor:
    """A random image of blocks of 1, 4 or 16 pixels' edge or all of one value; gray at first, then black or white."""
    channels, height, width = shape
    edge = (1, 4, 16, max(height, width))[number % 4]
    blocks = noise.uniform((channels, -(-height // edge), -(-width // edge)))
    if number % 8 >= 4:
        blocks = blocks.round()
    return functional.interpolate(blocks, scale_factor=edge, mode="nearest")[:, :, :height, :width]
