"""PGD that keeps the margin of every image at every step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.pgd import PGD
from attacks.searches.iterative import State
from attacks.victim import Victim
from benchmark.core.noise import Noise


@dataclass(frozen=True)
class _Numbered(State):
    """A state that knows which images of the batch are left."""

    row: Tensor


class TracedPGD(PGD):
    """PGD that keeps margins, without a name of its own so that no suite can ask for it.

    Attributes:
        margins: Distance to success in logits at each step of one batch and one restart: [T, B]; NaN after the fall.
    """

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> State:
        self.margins = x.new_full((self.steps, x.shape[0]), float("nan"))
        self._step = 0
        return _Numbered(super().start(victim, x, noise).x, torch.arange(x.shape[0], device=x.device))

    def step(self, victim: Victim, state: State, noise: Noise) -> State:
        assert isinstance(state, _Numbered)
        following = super().step(victim, state, noise)
        self.margins[self._step, state.row] = victim.aim.margin(victim.observed.logits)
        self._step += 1
        return _Numbered(following.x, state.row)
