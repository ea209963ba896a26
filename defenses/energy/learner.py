"""An energy network that learns, and can go back to where it was."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from defenses.energy.recipe import EnergyRecipe


@dataclass(frozen=True)
class Checkpoint:
    """A training at the beginning of an update.

    Attributes:
        update: Its number.
        states: Of the network, Adam and the running mean.
    """

    update: int
    states: tuple[dict[str, Any], ...]


class Learner:
    """An energy network with its optimizers and the running mean of its weights.

    Args:
        network: Trained in place.
        recipe: How.
    """

    def __init__(self, network: nn.Module, recipe: EnergyRecipe) -> None:
        self.network = network
        self._recipe = recipe
        self._mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))
        self._adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
        self._descent = torch.optim.SGD(network.parameters(), lr=recipe.sgd_learning_rate)

    def update(self, loss: Tensor, update: int, slower: float) -> None:
        """One step down `loss`, at the recipe's rate of this update times `slower`."""
        optimizer = self._adam if update < self._recipe.iterations else self._descent
        optimizer.param_groups[0]["lr"] = self._recipe.rate(update) * slower
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if self._recipe.averaging:
            self._mean.update_parameters(self.network)

    def finish(self) -> None:
        """Leave the running mean in the network, where there is one."""
        if self._recipe.averaging:
            self.network.load_state_dict(self._mean.module.state_dict())

    def checkpoint(self, update: int) -> Checkpoint:
        """A copy of everything at the beginning of `update`; descent has no state of its own."""
        parts = (self.network, self._adam, self._mean)
        return Checkpoint(update, tuple(copy.deepcopy(part.state_dict()) for part in parts))

    def go_back(self, to: Checkpoint) -> None:
        """Become what `to` is a copy of."""
        network, adam, mean = copy.deepcopy(to.states)
        self.network.load_state_dict(network)
        self._adam.load_state_dict(adam)
        self._mean.load_state_dict(mean)
