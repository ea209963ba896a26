"""Purification by Langevin dynamics on a learned energy."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, BatchRows, Count, Deviation, Positive, Rate, Share
from defenses.base import DefendedModel, Defense, FitData, Passes
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.chain import LangevinChain
from defenses.energy.convergence import Convergence
from defenses.energy.langevin import langevin_chain
from defenses.energy.network import EnergyNetwork
from defenses.energy.training import EnergyRecipe, train_energy

_NETWORK = "energy."
_SHAPE = "image_shape"
_CONVERGENCE = "convergence"


class EBMPurification(Defense):
    """Energy-based purification: the image follows short-run Langevin dynamics before the classifier sees it.

    An energy F is trained on the training images without their labels. At inference each image starts a chain

        x ← x − (ε² / 2T) ∇F(x) + ε z,    z standard normal,

    on the scale [−1, 1]; after K steps it is brought back to [0, 1], clipped there, and classified. Logits are averaged
    over `votes` chains. `purify` gives no autograd graph, so the trait `differentiable` is False and attacks use
    BPDA or, stronger, the exact gradient, which runs back through the chain's states (`defenses.chains`).

    The default settings are for 28×28 images on two CPU cores. Hill et al. take the vanilla network with 32 features
    and leaky ReLU, ε = 0.01, 100 training steps, 250,000 iterations, K = 1,500 and 150 votes.

    Args:
        architecture, features, activation: The energy network; see `EnergyNetwork`. With "leaky-relu" (the
            published defense) the energy has no curvature and an exact gradient equals BPDA.
        steps: K, Langevin steps of a purification. 0 leaves the image alone.
        langevin_epsilon: ε, in training too; see `defenses.energy.langevin` to convert from other conventions.
        temperature: T; by default ε² / 2, with which the step is x − ∇F + ε z (Hill et al. 2021).
        training_steps: Langevin steps between two updates of the network.
        data_noise: Standard deviation of the noise on training images, at least ε; by default 2 ε.
        bank_size, rejuvenation: Chains kept in training, and how often one restarts at a training image.
        batch_size, iterations, learning_rate, decay: Updates by Adam; see `EnergyRecipe`.
        sgd_iterations, sgd_learning_rate: Updates by gradient descent after them.
        votes: Chains that one decision averages over (H_def).
    """

    name = "ebm"
    source = (
        "Hill, Mitchell, Zhu 2021, Stochastic security: robust classification with energy-based models; "
        "smooth activation of Du, Hill, Cai 2026, MEFA"
    )
    randomized = True
    differentiable = False
    purifier = True
    gradient_at_inference = True
    exact_gradient = True
    not_fitted = frozenset({"steps", "votes"})

    def __init__(
        self,
        *,
        architecture: Literal["vanilla", "lite"] = "lite",
        features: Annotated[int, Interval(ge=1, le=512)] = 16,
        activation: Literal["soft-leaky-relu", "leaky-relu"] = "soft-leaky-relu",
        steps: Annotated[int, Interval(ge=0, le=10**5)] = 40,
        langevin_epsilon: Deviation = 0.03,
        temperature: Positive | None = None,
        training_steps: Count = 20,
        data_noise: Deviation | None = None,
        bank_size: Annotated[int, Interval(ge=1, le=10**6)] = 2000,
        rejuvenation: Share = 0.05,
        batch_size: BatchRows = 32,
        iterations: Annotated[int, Interval(ge=1, le=10**7)] = 600,
        learning_rate: Rate = 2e-3,
        decay: Share = 0.5,
        sgd_iterations: Annotated[int, Interval(ge=0, le=10**7)] = 0,
        sgd_learning_rate: Rate = 1e-4,
        votes: AtOnce = 8,
    ) -> None:
        self.architecture = architecture
        self.features = features
        self.activation = activation
        self.steps = steps
        self.langevin_epsilon = langevin_epsilon
        self.temperature = temperature
        self.training_steps = training_steps
        self.data_noise = data_noise
        self.bank_size = bank_size
        self.rejuvenation = rejuvenation
        self.batch_size = batch_size
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.decay = decay
        self.sgd_iterations = sgd_iterations
        self.sgd_learning_rate = sgd_learning_rate
        self.votes = votes

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train the energy; the classifier and the labels are not used.

        Raises:
            UserError: A setting makes no sense, or training diverged.
        """
        self.check_settings()
        recipe = EnergyRecipe(
            steps=self.training_steps,
            step=self.langevin_epsilon,
            temperature=self._temperature,
            data_noise=self._data_noise,
            bank_size=self.bank_size,
            rejuvenation=self.rejuvenation,
            batch_size=self.batch_size,
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            decay=self.decay,
            sgd_iterations=self.sgd_iterations,
            sgd_learning_rate=self.sgd_learning_rate,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            network = self._network(data.train.shape)
        network.to(data.device)
        convergence = train_energy(network, data.train, recipe, seed=data.seed, report=data.report)
        parameters = network.state_dict(prefix=_NETWORK)
        self.weights_ = {
            **{name: value.cpu().contiguous().clone() for name, value in parameters.items()},
            _SHAPE: torch.tensor(data.train.shape),
            _CONVERGENCE: convergence.to_tensor(),
        }

    def abridged(self) -> EBMPurification:
        return EBMPurification(**{**self.settings(), "iterations": 1, "sgd_iterations": 0})

    @property
    def convergence(self) -> Convergence:
        """How training ended; raises UserError before `fit`."""
        self._check_fitted()
        return Convergence.from_tensor(self.weights_[_CONVERGENCE])

    @property
    def purify_passes(self) -> Passes:
        return Passes(self.steps, self.steps)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the purification in front of `classifier`, on its device.

        Raises:
            UserError: The energy is not trained, or a setting makes no sense.
        """
        self.check_settings()
        self._check_fitted()
        channels, height, width = self.weights_[_SHAPE].tolist()
        network = self._network((channels, height, width))
        network.load_state_dict(
            {name.removeprefix(_NETWORK): value for name, value in self.weights_.items() if name.startswith(_NETWORK)}
        )
        network.to(next((p.device for p in classifier.parameters()), torch.device("cpu")))
        return DefendedModel(
            classifier,
            purify=partial(self._purify, network.eval().requires_grad_(False)),
            exact_purify=partial(self._exact_purify, network),
            networks=[network],
            purify_passes=self.purify_passes,
            votes=self.votes,
            randomized=True,
        )

    def _purify(self, network: EnergyNetwork, x: Tensor, noise: Noise) -> Tensor:
        if self.steps == 0:
            return x
        state = langevin_chain(
            network,
            x * 2 - 1,
            noise.stream("langevin"),
            steps=self.steps,
            step=self.langevin_epsilon,
            temperature=self._temperature,
        )
        return ((state + 1) / 2).clamp(0, 1)

    def _exact_purify(self, network: EnergyNetwork, x: Tensor, noise: Noise) -> Tensor:
        if self.steps == 0:
            return x
        chain = LangevinChain(
            steps=self.steps,
            energy=network,
            noise=noise.stream("langevin"),
            step=self.langevin_epsilon,
            temperature=self._temperature,
        )
        return ((differentiable_chain(x * 2 - 1, chain) + 1) / 2).clamp(0, 1)

    def _network(self, shape: tuple[int, int, int]) -> EnergyNetwork:
        return EnergyNetwork(
            architecture=self.architecture, shape=shape, features=self.features, activation=self.activation
        )

    @property
    def _temperature(self) -> float:
        return self.langevin_epsilon**2 / 2 if self.temperature is None else self.temperature

    @property
    def _data_noise(self) -> float:
        return 2 * self.langevin_epsilon if self.data_noise is None else self.data_noise

    def _check_fitted(self) -> None:
        if _SHAPE not in self.weights_:
            raise UserError("the energy is not trained", where="defense 'ebm'", remedy="call fit first")

    def check_settings(self) -> None:
        wrong = {
            "langevin_epsilon must be above 0": self.langevin_epsilon <= 0,
            "temperature must be above 0": self._temperature <= 0,
            "steps must be 0 or more": self.steps < 0,
            "data_noise must be at least langevin_epsilon": self._data_noise < self.langevin_epsilon,
            "rejuvenation must lie in [0, 1]": not 0 <= self.rejuvenation <= 1,
            "decay must lie in [0, 1]": not 0 <= self.decay <= 1,
            "bank_size must be at least batch_size": self.bank_size < self.batch_size,
            "sgd_iterations must be 0 or more": self.sgd_iterations < 0,
            **{
                f"{name} must be 1 or more": getattr(self, name) < 1
                for name in ("features", "training_steps", "batch_size", "iterations", "votes")
            },
            **{f"{name} must be above 0": getattr(self, name) <= 0 for name in ("learning_rate", "sgd_learning_rate")},
        }
        for problem, broken in wrong.items():
            if broken:
                raise UserError(problem, where="defense 'ebm'", remedy="correct the setting")
