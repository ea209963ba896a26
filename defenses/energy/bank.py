"""A bank of Langevin chains that live on from one training iteration to the next."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages


class Bank:
    """Persistent chains (Tieleman 2008), started at training images and now and then restarted there.

    Args:
        train: Where chains start.
        size: Number of chains.
        rejuvenation: Probability that a chain which was drawn restarts at a training image when it is put back.
        generator: Draws which chains and images; on the CPU, so that the choice is the same on every device.
        device: Where the states live.
    """

    def __init__(
        self, train: LabeledImages, *, size: int, rejuvenation: float, generator: torch.Generator, device: torch.device
    ) -> None:
        self._train = train
        self._rejuvenation = rejuvenation
        self._generator = generator
        self.states = self._images(size, device)

    def draw(self, rows: int) -> tuple[Tensor, Tensor]:
        """(index [rows], states [rows, C, H, W]) of different chains."""
        chosen = torch.randperm(len(self.states), generator=self._generator)[:rows].to(self.states.device)
        return chosen, self.states[chosen]

    def put(self, chosen: Tensor, states: Tensor) -> None:
        """Keep where the chosen chains are now, and restart some."""
        restart = torch.rand(len(chosen), generator=self._generator) < self._rejuvenation
        self.states[chosen] = states
        self.states[chosen[restart.to(chosen.device)]] = self._images(int(restart.sum()), states.device)

    def _images(self, count: int, device: torch.device) -> Tensor:
        rows = torch.randint(len(self._train), (count,), generator=self._generator)
        return self._train.floats(rows, device=device) * 2 - 1
