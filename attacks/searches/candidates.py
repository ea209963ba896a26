"""Black-box search among a fixed number of images: look at each, keep the best."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from attacks.base import Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.geometry.ball import Ball
from attacks.victim import Oracle
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Norm


class CandidateSearch(Attack):
    """An attack that draws its images without regard to the answers; a subclass says which images.

    Several candidates of every image share one batch, always the same number, so that neither outcome nor cost depends
    on the other images. An image leaves at the first chunk in which one of its candidates is verified; an image that
    stands, and with `Stop.NEVER` every image, is submitted at its candidate of largest margin. `broken_at` counts the
    candidates before the first success.

    Class attributes:
        chunk: Candidates of one image that are asked about at once.
    """

    access = Access.SCORES
    control = "no image follows from the answer about another"
    chunk: ClassVar[int] = 16

    @abstractmethod
    def count(self) -> int:
        """How many candidates an image has."""
        raise NotImplementedError

    @abstractmethod
    def candidates(self, ball: Ball, noise: Noise, numbers: Tensor) -> Tensor:
        """The candidates `numbers` (int64 [n], ascending) of every image: [B, n, C, H, W].

        `noise` has a row per image and stands at the step of the first number.
        """
        raise NotImplementedError

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(queries=self.count())

    def duration(self) -> Duration:
        return Duration(numbers=self.count())

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        submitted = x.clone()
        best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        alive = torch.arange(x.shape[0], device=x.device)
        for first in range(0, self.count(), self.chunk):
            numbers = torch.arange(first, min(first + self.chunk, self.count()), device=x.device)
            images = self.candidates(victim.ball, noise.at(first), numbers)
            margin, fallen = _ask(victim, images, self.drawn_for(noise.stream("look").at(first), len(numbers)))
            broken = fallen.any(1)
            earliest = fallen.to(torch.int8).argmax(1)
            chosen = torch.where(broken, earliest, margin.argmax(1)) if stop is Stop.FIRST_SUCCESS else margin.argmax(1)
            value = margin.gather(1, chosen[:, None]).squeeze(1)
            better = value > best[alive]
            if stop is Stop.FIRST_SUCCESS:
                better |= broken
            rows = better.nonzero().flatten()
            submitted[alive[rows]] = images[rows, chosen[rows]]
            best[alive[rows]] = value[rows]
            new = broken & (broken_at[alive] < 0)
            broken_at[alive[new]] = numbers[earliest[new]]
            if stop is Stop.FIRST_SUCCESS and bool(broken.any()):
                keep = (~broken).nonzero().flatten()
                if not len(keep):
                    break
                alive, victim, noise = alive[keep], victim[keep], noise[keep]
        return Attempt(submitted, broken_at)

    def drawn_for(self, noise: Noise, count: int) -> Noise:
        """A row for each of an image's first `count` candidates of a chunk; those of fewer are among those of more."""
        width = max(count, self.chunk)
        rows = torch.arange(len(noise) * width, device=noise.lanes.device).unflatten(0, (-1, width))
        return noise.repeat(width)[rows[:, :count].flatten()]


def _ask(victim: Oracle, images: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Margin and verified success of each candidate, from one batch: [B, n] each."""
    rows, count = images.shape[:2]
    asked = victim[torch.arange(rows, device=images.device).repeat_interleave(count)]
    flat = images.flatten(0, 1)
    logits = asked.scores(flat, noise)
    fallen = asked.verify(flat, asked.aim.reached(logits), noise)
    margin = asked.aim.margin(logits).nan_to_num(float("-inf"), float("inf"), float("-inf"))
    return margin.view(rows, count), fallen.view(rows, count)
