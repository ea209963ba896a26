"""Random noise: the best of many random images in the ball."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.geometry.ball import Ball
from attacks.searches.candidates import CandidateSearch
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Norm


class RandomNoise(CandidateSearch):
    """Best of N random images in the ball: every other one inside it, the rest at its corners.

    The weakest attack there is. What it breaks and a gradient attack does not says that the gradients are useless.

    Args:
        draws: N, the queries per image. Even numbers are uniform in the ball; odd ones are x ± ε with random signs
            (L∞) or uniform on the sphere (L2).
    """

    name = "random-noise"
    source = "Carlini et al. 2019, On evaluating adversarial robustness, section 4.10 (random-noise baseline)"
    norms = frozenset({Norm.LINF, Norm.L2})

    def __init__(self, *, draws: Count = 10_000) -> None:
        self.draws = draws

    def count(self) -> int:
        return self.draws

    def budget(self) -> str:
        return f"{self.draws} random draws"

    def candidates(self, ball: Ball, noise: Noise, numbers: Tensor) -> Tensor:
        shape = ball.center.shape
        images = ball.center.new_empty(shape[0], len(numbers), *shape[1:])
        for first, draw in ((0, _inside), (1, _at_the_edge)):
            count = len(range(first, len(numbers), 2))
            if count:
                rows = torch.arange(shape[0], device=images.device).repeat_interleave(count)
                drawn = draw(ball[rows], self.drawn_for(noise, count))
                images[:, first::2] = drawn.unflatten(0, (shape[0], count))
        return images


def _inside(ball: Ball, noise: Noise) -> Tensor:
    return ball.random(noise.stream("inside"))


def _at_the_edge(ball: Ball, noise: Noise) -> Tensor:
    noise, shape = noise.stream("edge"), ball.center.shape[1:]
    direction = noise.signs(shape) if ball.norm is Norm.LINF else ball.steepest(noise.normal(shape))
    return ball.project(ball.center + ball.epsilon * direction)
