"""A bank of Langevin chains that live on from one training iteration to the next."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.negatives.base import Negatives


class Persistent(Negatives):
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
        self._bank = self._images(size, device)

    @property
    def states(self) -> Tensor:
        return self._bank

    def start(self, images: Tensor, noise: Noise) -> Tensor:
        """Where some of the chains are, all different."""
        del noise
        order = torch.randperm(len(self._bank), generator=self._generator)
        self._chosen = order[: len(images)].to(self._bank.device)
        return self._bank[self._chosen]

    def settle(self, states: Tensor) -> None:
        """Keep where those chains are now, and restart some."""
        restart = torch.rand(len(states), generator=self._generator) < self._rejuvenation
        self._bank[self._chosen] = states
        self._bank[self._chosen[restart.to(states.device)]] = self._images(int(restart.sum()), states.device)

    def _images(self, count: int, device: torch.device) -> Tensor:
        rows = torch.randint(len(self._train), (count,), generator=self._generator)
        return self._train.floats(rows, device=device) * 2 - 1
