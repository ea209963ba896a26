"""The contract of a source of negative samples."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.langevin import Energy


class Negatives(ABC):
    """Where the chains of an update start, and what becomes of them.

    Between `start` and `settle` the training runs its Langevin steps. Images are [B, C, H, W] on the scale [−1, 1].
    """

    @abstractmethod
    def start(self, images: Tensor, noise: Noise) -> Tensor:
        """As many starting states as there are `images`, which are this update's training images with their noise.

        Args:
            images: [B, C, H, W].
            noise: This update's own random numbers, B rows.
        """

    def followed(self, energy: Energy) -> Energy:
        """What the chains that started last descend: the `energy` that is trained, or that with more to it."""
        return energy

    @abstractmethod
    def settle(self, states: Tensor) -> None:
        """Take note of where the chains that started last are now."""

    @property
    @abstractmethod
    def states(self) -> Tensor:
        """The chains as they are now, all that are known of: [n, C, H, W]."""


class Forgetful(Negatives):
    """A source whose chains end with their update."""

    def settle(self, states: Tensor) -> None:
        self._states = states

    @property
    def states(self) -> Tensor:
        return self._states
