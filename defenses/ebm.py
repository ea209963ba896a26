"""Purification by Langevin dynamics on a learned energy."""

# Annotations are objects, not text: the constructor of a subclass is made in the subclass's file.
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, Self

import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, BatchRows, Count, Deviation, Memory, Positive, Rate, Share
from defenses.base import DefendedModel, Defense, FitData, Passes
from defenses.chains.checkpointed import differentiable_chain
from defenses.energy.chain import LangevinChain
from defenses.energy.fitting import NETWORK, SHAPE, fit_energy, report_of
from defenses.energy.langevin import langevin_chain
from defenses.energy.network import EnergyNetwork
from defenses.energy.recipe import EnergyRecipe
from defenses.energy.report import EnergyReport


@dataclass(kw_only=True, eq=False, repr=False)
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
        prior_deviation: σ of a Gaussian around 0 on the scale [−1, 1] that the density is multiplied by, so that no
            chain leaves the images for good; none by default.
        steps: K, Langevin steps of a purification. 0 leaves the image alone.
        langevin_epsilon: ε, in training too; see `defenses.energy.conventions` to convert from other conventions.
        temperature: T; by default ε² / 2, with which the step is x − ∇F + ε z (Hill et al. 2021).
        training_steps: Langevin steps between two updates of the network.
        data_noise: Standard deviation of the noise on training images, at least ε; by default 2 ε.
        negatives: Where training chains start: "persistent" chains live on, "contrastive-divergence" starts at the
            images, "short-run" at noise, "cooperative" at what a small generator proposes, and "recovery" at noisy
            copies of the images, which the chains are held near.
        bank_size, rejuvenation: Persistent chains, and how often one restarts at a training image.
        batch_size, iterations, learning_rate, decay, rate_drops: Updates by Adam; see `EnergyRecipe`.
        sgd_iterations, sgd_learning_rate: Updates by gradient descent after them.
        averaging: What the running mean of the weights keeps at each update; 0 for the last weights.
        long_run_steps, long_run_images: Chains of 1, 10 and 100 times so many steps, from so many images, tell whether
            the energy is convergent; no images for none. One energy serves every K, so that this is not K.
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

    architecture: Literal["vanilla", "lite", "residual"] = "lite"
    features: Annotated[int, Interval(ge=1, le=512)] = 16
    activation: Literal["soft-leaky-relu", "leaky-relu"] = "soft-leaky-relu"
    prior_deviation: Positive | None = None
    steps: Annotated[int, Interval(ge=0, le=10**5)] = 40
    langevin_epsilon: Deviation = 0.03
    temperature: Positive | None = None
    training_steps: Count = 20
    data_noise: Deviation | None = None
    negatives: Literal["persistent", "contrastive-divergence", "short-run", "cooperative", "recovery"] = "persistent"
    bank_size: Annotated[int, Interval(ge=1, le=10**6)] = 2000
    rejuvenation: Share = 0.05
    batch_size: BatchRows = 32
    iterations: Annotated[int, Interval(ge=1, le=10**7)] = 600
    learning_rate: Rate = 2e-3
    decay: Share = 0.5
    rate_drops: Annotated[int, Interval(ge=0, le=10)] = 0
    sgd_iterations: Annotated[int, Interval(ge=0, le=10**7)] = 0
    sgd_learning_rate: Rate = 1e-4
    averaging: Memory = 0.0
    long_run_steps: Count = 40
    long_run_images: Annotated[int, Interval(ge=0, le=1000)] = 16
    votes: AtOnce = 8

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train the energy, and run long chains on it; the classifier and the labels are not used.

        Raises:
            UserError: A setting makes no sense, or training diverged again and again.
        """
        self.check_settings()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            network = self._network(data.train.shape)
        network.to(data.device)
        self.weights_ = fit_energy(
            network, data, self._recipe(), steps=self.long_run_steps, images=self.long_run_images
        )

    def _recipe(self) -> EnergyRecipe:
        return EnergyRecipe(
            steps=self.training_steps,
            step=self.langevin_epsilon,
            temperature=self._temperature,
            data_noise=self._data_noise,
            negatives=self.negatives,
            bank_size=self.bank_size,
            rejuvenation=self.rejuvenation,
            batch_size=self.batch_size,
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            decay=self.decay,
            rate_drops=self.rate_drops,
            sgd_iterations=self.sgd_iterations,
            sgd_learning_rate=self.sgd_learning_rate,
            averaging=self.averaging,
        )

    def abridged(self) -> Self:
        return type(self)(**{**self.settings(), "iterations": 1, "sgd_iterations": 0, "long_run_images": 0})

    @property
    def report(self) -> EnergyReport:
        """How training ended and where long chains go; raises UserError before `fit`."""
        self._check_fitted()
        return report_of(self.weights_)

    def evidence(self) -> dict[str, Any]:
        return {"energy": self.report.to_json()}

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
        channels, height, width = self.weights_[SHAPE].tolist()
        network = self._network((channels, height, width))
        network.load_state_dict(
            {name.removeprefix(NETWORK): value for name, value in self.weights_.items() if name.startswith(NETWORK)}
        )
        network.to(next((p.device for p in classifier.parameters()), torch.device("cpu")))
        return DefendedModel(
            classifier,
            purify=partial(self._purify, network.eval().requires_grad_(False)),
            exact_purify=partial(self._exact_purify, network),
            networks=[network],
            purify_passes=self.purify_passes,
            votes=self.votes,
            cpu_rows=network.cpu_rows,
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
            architecture=self.architecture,
            shape=shape,
            features=self.features,
            activation=self.activation,
            pull=0.0 if self.prior_deviation is None else self._temperature / self.prior_deviation**2,
        )

    @property
    def _temperature(self) -> float:
        return self.langevin_epsilon**2 / 2 if self.temperature is None else self.temperature

    @property
    def _data_noise(self) -> float:
        return 2 * self.langevin_epsilon if self.data_noise is None else self.data_noise

    def _check_fitted(self) -> None:
        if SHAPE not in self.weights_:
            raise UserError("the energy is not trained", where=f"defense {self.name!r}", remedy="call fit first")

    def check_settings(self) -> None:
        wrong = {
            "langevin_epsilon must be above 0": self.langevin_epsilon <= 0,
            "temperature must be above 0": self._temperature <= 0,
            "steps must be 0 or more": self.steps < 0,
            "data_noise must be at least langevin_epsilon": self._data_noise < self.langevin_epsilon,
            "rejuvenation must lie in [0, 1]": not 0 <= self.rejuvenation <= 1,
            "decay must lie in [0, 1]": not 0 <= self.decay <= 1,
            "bank_size must be at least batch_size": self._recipe().bank_too_small,
            "sgd_iterations must be 0 or more": self.sgd_iterations < 0,
            **{
                f"{name} must be 1 or more": getattr(self, name) < 1
                for name in ("features", "training_steps", "batch_size", "iterations", "votes")
            },
            **{f"{name} must be above 0": getattr(self, name) <= 0 for name in ("learning_rate", "sgd_learning_rate")},
        }
        for problem, broken in wrong.items():
            if broken:
                raise UserError(problem, where=f"defense {self.name!r}", remedy="correct the setting")
