"""Square's random search with keyed numbers: the form that an ensemble can run on any batch of survivors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.effort import Duration, Effort
from attacks.geometry.ball import Ball
from attacks.searches.iterative import IterativeAttack, State
from attacks.victim import Oracle
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Access, Norm

FIRST_SHARE = 0.8
"""Share of the image that the first squares cover."""
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""The queries, of ten thousand, after which the share is halved."""
_AHEAD = 64
"""Steps whose random numbers are drawn together; one draw a step would cost as much as a small network."""


@dataclass(frozen=True)
class SquareState(State):
    """A search that keeps its best image.

    Attributes:
        best: The image of the largest margin so far, and `value`, that margin: [B, C, H, W] and [B].
        numbers: Uniform numbers of this step and the next ones: [B, steps ahead, 2 + C].
    """

    best: Tensor
    value: Tensor
    numbers: Tensor


class SquareSearch(IterativeAttack):
    """Square attack, L∞: squares of ±ε at random places, smaller and smaller, kept where the margin grows.

    The method of plug-in `square`, which runs torchattacks. This form draws by the key of each image, so that its
    outcome does not depend on the batch, stops at a verified success, and works on images that are not square.

    Args:
        queries: Queries per image.
    """

    source = "Andriushchenko et al. 2020, Square attack, algorithms 1 and 2"
    norms = frozenset({Norm.LINF})
    access = Access.SCORES

    def __init__(self, *, queries: Count = 5000) -> None:
        self.queries = queries
        # The loop looks once more after the last step.
        self.steps = queries - 1

    def budget(self) -> str:
        return f"{self.queries} queries"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.queries, queries=self.queries)

    def duration(self) -> Duration:
        return Duration(queries=self.queries, numbers=self.queries)

    def start(self, victim: Oracle, x: Tensor, noise: Noise) -> SquareState:
        channels, _, width = x.shape[1:]
        stripes = noise.stream("stripes").signs((channels, 1, width))
        first = torch.where(stripes > 0, victim.ball.limits[1], victim.ball.limits[0])
        lowest = x.new_full((x.shape[0],), float("-inf"))
        return SquareState(first, first, lowest, self._numbers(noise, 0, channels))

    def step(self, victim: Oracle, state: SquareState, noise: Noise) -> SquareState:
        margin = victim.aim.margin(victim.scores(state.x, noise.stream("query")))
        better = margin > state.value
        best = torch.where(better.view(-1, 1, 1, 1), state.x, state.best)
        value = torch.where(better, margin, state.value)
        place = noise.step % _AHEAD
        numbers = state.numbers if place else self._numbers(noise, noise.step, state.x.shape[1])
        last = noise.step == self.steps - 1
        side = side_length(noise.step, self.queries, (state.x.shape[2], state.x.shape[3]))
        following = best if last else with_square(victim.ball, best, numbers[:, place], side)
        return SquareState(following, best, value, numbers)

    def _numbers(self, noise: Noise, step: int, channels: int) -> Tensor:
        return noise.stream("squares").at(step).uniform((_AHEAD, 2 + channels))


def side_length(step: int, queries: int, size: tuple[int, int]) -> int:
    """Side of the squares at `step` of a search of `queries`, in pixels: the schedule of the paper, section 5.1."""
    done = step * 10_000 // max(queries, 1)
    share = FIRST_SHARE / 2 ** sum(done > limit for limit in HALVINGS)
    return min(max(round(math.sqrt(share * size[0] * size[1])), 1), *size)


def with_square(ball: Ball, images: Tensor, numbers: Tensor, side: int) -> Tensor:
    """`images` with one square each set to the clean image ± ε, one sign per channel (algorithm 2).

    Args:
        ball: An L∞ ball.
        images: [B, C, H, W].
        numbers: Uniform in (0, 1): place down, place right, and one sign per channel: [B, 2 + C].
        side: Of the squares, in pixels.
    """
    height, width = images.shape[2:]
    top = (numbers[:, 0] * (height - side + 1)).floor()[:, None]
    left = (numbers[:, 1] * (width - side + 1)).floor()[:, None]
    rows = torch.arange(height, device=images.device)[None]
    columns = torch.arange(width, device=images.device)[None]
    down, right = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    inside = (down[:, :, None] & right[:, None, :])[:, None]
    lowest, highest = ball.limits
    up = (numbers[:, 2:] < 0.5)[:, :, None, None]
    return torch.where(inside, torch.where(up, highest, lowest), images)
