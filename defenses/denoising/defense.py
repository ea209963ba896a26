"""What purifiers that rest on a noise network share: its training, its weights, its place before the classifier."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from defenses.base import DefendedModel, Defense, FitData
from defenses.chains.chain import Chain, run
from defenses.chains.checkpointed import differentiable_chain
from defenses.denoising.network import NoiseNetwork
from defenses.denoising.training import DenoisingRecipe, train_denoising

_NETWORK = "network."
_CHANNELS = "channels"


class DenoisingPurifier(Defense):
    """A purifier whose chain of steps asks a noise network; a subclass says what is trained and what the steps are.

    Class attributes:
        conditional: Whether the network is told the level of noise.

    Attributes:
        width, iterations, votes: Settings of every subclass.
    """

    randomized = True
    differentiable = False
    purifier = True
    exact_gradient = True
    conditional: ClassVar[bool]

    width: int
    iterations: int
    votes: int

    @abstractmethod
    def recipe(self) -> DenoisingRecipe:
        """How the network is trained."""
        raise NotImplementedError

    @abstractmethod
    def chain(self, network: NoiseNetwork, noise: Noise) -> Chain:
        """The steps of a purification."""
        raise NotImplementedError

    @abstractmethod
    def start(self, x: Tensor, noise: Noise) -> Tensor:
        """Where the chain begins, from images in [0, 1]."""
        raise NotImplementedError

    @abstractmethod
    def end(self, state: Tensor) -> Tensor:
        """Images in [0, 1], from where the chain ends."""
        raise NotImplementedError

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train the network; the classifier and the labels are not used.

        Raises:
            UserError: A setting makes no sense, there are no training images, or training diverged.
        """
        del classifier
        self.check_settings()
        if len(data.train) == 0:
            raise UserError("there are no training images", where=f"defense {self.name!r}", remedy="give some")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            network = self._network(data.train.shape[0])
        network.to(data.device)
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            train_denoising(network, data, self.recipe())
        self.weights_ = {
            **{k: v.detach().cpu().clone() for k, v in network.state_dict(prefix=_NETWORK).items()},
            _CHANNELS: torch.tensor(data.train.shape[0]),
        }

    def abridged(self) -> Self:
        return type(self)(**{**self.settings(), "iterations": 1})

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the purification in front of `classifier`, on its device.

        Raises:
            UserError: The network is not trained, or a setting makes no sense.
        """
        self.check_settings()
        if _CHANNELS not in self.weights_:
            raise UserError("the network is not trained", where=f"defense {self.name!r}", remedy="call fit first")
        network = self._network(int(self.weights_[_CHANNELS]))
        network.load_state_dict(
            {k.removeprefix(_NETWORK): v for k, v in self.weights_.items() if k.startswith(_NETWORK)}
        )
        network.to(next((p.device for p in classifier.parameters()), torch.device("cpu")))
        network.eval().requires_grad_(False)
        return DefendedModel(
            classifier,
            purify=partial(self._purify, network),
            exact_purify=partial(self._exact_purify, network),
            networks=[network],
            purify_passes=self.purify_passes,
            votes=self.votes,
            randomized=True,
        )

    def _purify(self, network: NoiseNetwork, x: Tensor, noise: Noise) -> Tensor:
        return self.end(run(self.start(x.detach(), noise), self.chain(network, noise)))

    def _exact_purify(self, network: NoiseNetwork, x: Tensor, noise: Noise) -> Tensor:
        return self.end(differentiable_chain(self.start(x, noise), self.chain(network, noise)))

    def _network(self, channels: int) -> NoiseNetwork:
        return NoiseNetwork(channels, width=self.width, conditional=self.conditional)
