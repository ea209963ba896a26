"""Purification by reconstruction with a short-run sampler of an energy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, BatchRows, Deviation, Positive, Rate
from defenses.base import DefendedModel, Defense, FitData, Passes
from defenses.chains.chain import Chain, run
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.network import EnergyNetwork
from defenses.reconstruction.descent import Descent
from defenses.reconstruction.sampler import Sampler, latent
from defenses.reconstruction.training import train_short_run

_NETWORK = "energy."
_SHAPE = "image_shape"

Engine = Callable[[Tensor, Chain, Tensor | None], Tensor]


class EBMReconstruction(Defense):
    """Purification by reconstruction: the classifier sees what a short-run sampler of an energy can make of the image.

    M takes noise z to an image by K Langevin steps on an energy, which was trained with just such chains, on the
    training images without their labels. At inference z starts at noise and descends

        z ← z − η ∇ ‖x̂ − M(z)‖²,

    on the scale [−1, 1], which z does not leave, with the noise within M fixed; M(z) is the reconstruction. It is then
    rolled: the reconstruction is the next x̂, for a z that starts anew. The last one is clipped and classified. Logits
    are averaged over `votes` draws. `purify` gives no autograd graph: attacks use BPDA or, stronger, the exact
    gradient, which runs back through the descents' states (`defenses.chains`).

    Every step of a descent goes through M and back, so that this is the most expensive purifier here: the thesis takes
    240 descents, twice, and a GPU. The defaults are for a look at some images on a CPU: they reconstruct coarsely, and
    cost far more than a few points of clean accuracy.

    Args:
        architecture, features, activation: The energy network; see `EnergyNetwork`.
        steps: K, Langevin steps of M, in training too.
        langevin_epsilon: ε, in training too; see `defenses.energy.langevin` to convert from other conventions.
        temperature: T; by default ε² / 2, with which the step is x − ∇F + ε z.
        descents: Steps of one descent.
        rate: η of a descent.
        rolls: Descents one after the other, each towards what the one before has made.
        data_noise: Standard deviation of the noise on training images, at least ε; by default 2 ε.
        iterations, batch_size, learning_rate: Updates by Adam.
        votes: Draws that one decision averages over.
    """

    name = "ebm-reconstruction"
    source = "Mitchell 2020, Security through stochasticity, chapter 4; sampler of Nijkamp et al. 2019, algorithm 1"
    randomized = True
    differentiable = False
    purifier = True
    gradient_at_inference = True
    exact_gradient = True
    not_fitted = frozenset({"descents", "rate", "rolls", "votes"})

    def __init__(
        self,
        *,
        architecture: Literal["vanilla", "lite"] = "lite",
        features: Annotated[int, Interval(ge=1, le=512)] = 16,
        activation: Literal["soft-leaky-relu", "leaky-relu"] = "soft-leaky-relu",
        steps: Annotated[int, Interval(ge=1, le=10**5)] = 5,
        langevin_epsilon: Deviation = 0.03,
        temperature: Positive | None = None,
        descents: Annotated[int, Interval(ge=1, le=10**5)] = 20,
        rate: Annotated[float, Interval(ge=1e-6, le=1)] = 0.25,
        rolls: Annotated[int, Interval(ge=1, le=1000)] = 1,
        data_noise: Deviation | None = None,
        iterations: Annotated[int, Interval(ge=1, le=10**7)] = 600,
        batch_size: BatchRows = 32,
        learning_rate: Rate = 2e-4,
        votes: AtOnce = 2,
    ) -> None:
        self.architecture = architecture
        self.features = features
        self.activation = activation
        self.steps = steps
        self.langevin_epsilon = langevin_epsilon
        self.temperature = temperature
        self.descents = descents
        self.rate = rate
        self.rolls = rolls
        self.data_noise = data_noise
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.votes = votes

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train the energy; the classifier and the labels are not used.

        Raises:
            UserError: A setting makes no sense, or training diverged.
        """
        del classifier
        self.check_settings()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            network = self._network(data.train.shape)
        network.to(data.device)
        train_short_run(
            network,
            self._sampler(network),
            data,
            data_noise=self._data_noise,
            iterations=self.iterations,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        parameters = network.state_dict(prefix=_NETWORK)
        self.weights_ = {
            **{name: value.cpu().contiguous().clone() for name, value in parameters.items()},
            _SHAPE: torch.tensor(data.train.shape),
        }

    def abridged(self) -> EBMReconstruction:
        return EBMReconstruction(**{**self.settings(), "iterations": 1})

    @property
    def purify_passes(self) -> Passes:
        # A step of M within a descent is differentiated once more, on the way back to z.
        once = self.rolls * self.steps
        return Passes(once * (self.descents + 1), once * (2 * self.descents + 1))

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the purification in front of `classifier`, on its device.

        Raises:
            UserError: The energy is not trained, or a setting makes no sense.
        """
        self.check_settings()
        if _SHAPE not in self.weights_:
            raise UserError("the energy is not trained", where=f"defense {self.name!r}", remedy="call fit first")
        channels, height, width = self.weights_[_SHAPE].tolist()
        network = self._network((channels, height, width))
        network.load_state_dict(
            {name.removeprefix(_NETWORK): value for name, value in self.weights_.items() if name.startswith(_NETWORK)}
        )
        network.to(next((p.device for p in classifier.parameters()), torch.device("cpu")))
        sampler = self._sampler(network.eval().requires_grad_(False))
        return DefendedModel(
            classifier,
            purify=lambda x, noise: self._rolled(sampler, x.detach(), noise, run),
            exact_purify=lambda x, noise: self._rolled(sampler, x, noise, differentiable_chain),
            networks=[network],
            purify_passes=self.purify_passes,
            votes=self.votes,
            cpu_rows=network.cpu_rows,
            randomized=True,
        )

    def _rolled(self, sampler: Sampler, x: Tensor, noise: Noise, engine: Engine) -> Tensor:
        image = x * 2 - 1
        for roll in range(self.rolls):
            made = sampler.chain(noise.stream("sampler").at(roll))
            descent = Descent(steps=self.descents, sampler=made, rate=self.rate)
            z = engine(latent(noise.stream("latent").at(roll), image), descent, image)
            image = engine(z, made, None)
        return ((image + 1) / 2).clamp(0, 1)

    def _sampler(self, network: EnergyNetwork) -> Sampler:
        temperature = self.langevin_epsilon**2 / 2 if self.temperature is None else self.temperature
        return Sampler(network, self.steps, self.langevin_epsilon, temperature)

    def _network(self, shape: tuple[int, int, int]) -> EnergyNetwork:
        return EnergyNetwork(
            architecture=self.architecture, shape=shape, features=self.features, activation=self.activation
        )

    @property
    def _data_noise(self) -> float:
        return 2 * self.langevin_epsilon if self.data_noise is None else self.data_noise

    def check_settings(self) -> None:
        if self._data_noise < self.langevin_epsilon:
            raise UserError(
                "data_noise must be at least langevin_epsilon",
                where=f"defense {self.name!r}",
                remedy="correct the setting",
            )
