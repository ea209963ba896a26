"""One pixel: differential evolution over the place and the value of a few pixels."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.base import Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.searches.minimum_norm import NearestImages
from attacks.victim import Observation, Oracle
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Access, Norm

_STACKED = 20
"""Candidates of one image that are asked about in one batch."""


class OnePixel(Attack):
    """One-pixel attack: differential evolution of candidates, each the places and values of ε pixels.

    A child is one candidate plus F times the difference of two others and replaces its parent when its logit margin
    is larger; there is no crossover. ε is the number of pixels. Some candidates begin with fewer, because hundreds of
    random pixels are noise, which hides what a few would do. Written out rather than wrapped: torchattacks evolves
    image by image and draws from numpy's global generator, so that no result can be had twice or in other batches.

    Args:
        queries: Queries per image: the population times the number of generations, the first included.
        population: Candidates per generation; at least four.
        scale: F.
    """

    name = "one-pixel"
    source = "Su et al. 2019, One pixel attack for fooling deep neural networks, section III"
    norms = frozenset({Norm.L0})
    access = Access.SCORES

    def __init__(
        self,
        *,
        queries: Count = 2000,
        population: Annotated[int, Interval(ge=4, le=1000)] = 40,
        scale: Annotated[float, Interval(gt=0, le=2)] = 0.5,
    ) -> None:
        self.queries = queries
        self.population = population
        self.scale = scale

    def budget(self) -> str:
        return f"{self.queries} queries"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.queries // self._population(), queries=self.queries)

    def duration(self) -> Duration:
        return Duration(queries=self.queries, numbers=max(1, self.queries // self._population()))

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        nearest = NearestImages(victim.ball)
        pixels = min(int(victim.ball.epsilon), x.shape[2] * x.shape[3])
        if pixels == 0:
            return nearest.attempt()
        alive = torch.arange(x.shape[0], device=x.device)
        population = self._population()
        shape = (population, pixels, 2 + x.shape[1])
        genes, fitness = self._first(noise.stream("first"), shape), x.new_zeros(0)
        for generation in range(max(1, self.queries // population)):
            at = noise.at(generation)
            if generation == 0:
                fitness = self._ask(victim, x, genes, at, alive, nearest)
            else:
                children = self._children(genes, at.stream("parents"))
                worth = self._ask(victim, x, children, at, alive, nearest)
                fitter = worth > fitness
                genes = torch.where(fitter[:, :, None, None], children, genes)
                fitness = torch.where(fitter, worth, fitness)
            if stop is Stop.FIRST_SUCCESS:
                keep = (nearest.broken_at[alive] < 0).nonzero().flatten()
                if not len(keep):
                    break
                alive, victim, x, noise = alive[keep], victim[keep], x[keep], noise[keep]
                genes, fitness = genes[keep], fitness[keep]
        return nearest.attempt()

    def _population(self) -> int:
        return max(4, min(self.population, self.queries))

    def _first(self, noise: Noise, shape: tuple[int, int, int]) -> Tensor:
        """Places anywhere, values normal around gray as in the paper: [B, population, pixels, 2 + C] in [0, 1].

        The first candidate paints all pixels, the last one only one, those between them numbers in geometric order.
        """
        genes = noise.uniform(shape)
        genes[..., 2:] = (0.5 + 0.5 * noise.stream("values").normal(shape)[..., 2:]).clamp(0, 1)
        population, pixels, _ = shape
        share = torch.linspace(1, 0, population, device=genes.device)
        painted = (pixels**share).round().long()
        # Genes that repeat others paint nothing more; children tell them apart again where that pays.
        origin = torch.arange(pixels, device=genes.device) % painted[:, None]
        return genes.gather(2, origin[None, :, :, None].expand_as(genes))

    def _children(self, genes: Tensor, noise: Noise) -> Tensor:
        """x_{r1} + F (x_{r2} − x_{r3}) for three other candidates, the next ones in a random circle; folded at 0, 1."""
        circle = noise.uniform((genes.shape[1],)).argsort(1)
        batch = torch.arange(genes.shape[0], device=genes.device)[:, None]
        one, two, three = (genes[batch, circle.roll(-shift, 1)] for shift in (1, 2, 3))
        children = torch.empty_like(genes)
        children[batch, circle] = one + self.scale * (two - three)
        return (1 - (1 - children.abs()).abs()).clamp(0, 1)

    def _ask(
        self, victim: Oracle, x: Tensor, genes: Tensor, noise: Noise, alive: Tensor, nearest: NearestImages
    ) -> Tensor:
        """Logit margins of the candidates' images: [B, population]."""
        rows, margins = torch.arange(x.shape[0], device=x.device), []
        for number, part in enumerate(genes.split(_STACKED, dim=1)):
            count = part.shape[1]
            at = noise.stream(f"part {number}")
            several = victim[rows.repeat_interleave(count)]
            painted = _paint(x.repeat_interleave(count, 0), part.flatten(0, 1))
            logits = several.scores(painted, at.repeat(count))
            margins.append(several.aim.margin(logits).unflatten(0, (-1, count)))
            best = rows * count + margins[-1].argmax(1)
            nearest.record(victim, alive, Observation(painted[best], logits[best]), at, step=noise.step)
        return torch.cat(margins, dim=1)


def _paint(x: Tensor, genes: Tensor) -> Tensor:
    """Images with the pixels that `genes` [B, pixels, 2 + C] describe: row, column and value of each, in [0, 1]."""
    channels, height, width = x.shape[1:]
    row = (genes[:, :, 0] * height).long().clamp(max=height - 1)
    column = (genes[:, :, 1] * width).long().clamp(max=width - 1)
    place = (row * width + column)[:, None].expand(-1, channels, -1)
    # Two genes may name one pixel; the brighter wins, so that the order of writing does not matter.
    painted = x.flatten(2).scatter_reduce(2, place, genes[:, :, 2:].transpose(1, 2), "amax", include_self=False)
    return painted.view_as(x)
