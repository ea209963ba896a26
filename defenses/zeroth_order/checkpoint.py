"""Keeping the weights that did best on validation images."""

from __future__ import annotations

import math

from torch import Tensor, nn


class Checkpoint:
    """The best weights of a network so far.

    Attributes:
        loss: Validation loss of the kept weights; infinite before the first `offer`.
    """

    def __init__(self, network: nn.Module) -> None:
        self.loss = math.inf
        self._network = network
        self._kept: dict[str, Tensor] = {}

    def offer(self, loss: float) -> None:
        """Keep the present weights if `loss` is lower than any before."""
        if loss < self.loss:
            self.loss = loss
            self._kept = {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def restore(self) -> None:
        """Put the best weights back."""
        self._network.load_state_dict(self._kept)
