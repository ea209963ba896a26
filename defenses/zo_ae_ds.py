"""ZO-AE-DS: denoised smoothing through an autoencoder, trained by querying the classifier."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, NotNegative, Rate, Whole
from defenses.base import DecisionRule, DefendedModel, Defense, FitData, Passes
from defenses.zeroth_order.black_box import BlackBox
from defenses.zeroth_order.bounds import check_choice, check_number, check_whole
from defenses.zeroth_order.estimators import (
    Loss,
    coordinate_gradient_estimate,
    random_gradient_estimate,
    unit_sphere,
)
from defenses.zeroth_order.purifier import Purifier
from defenses.zeroth_order.reconstruction import BATCH, fit_reconstruction
from defenses.zeroth_order.stability import StabilityObjective, fit_stability

_LOWEST = {
    "directions": 1,
    "latent": 1,
    "width": 2,
    "depth": 2,
    "denoiser_epochs": 0,
    "autoencoder_epochs": 0,
    "steps": 0,
    "votes": 1,
}

_IN_QUERIES = (4, 2)
"""What an image costs in training the denoiser and the autoencoder, in queries."""


class ZOAEDS(Defense):
    """Denoised smoothing for a classifier that can only be queried: x → Dec(Enc(D(x + σδ))), δ ~ N(0, I).

    Three trainings: denoiser D by squared error on noisy images; autoencoder by squared error on clean images; then,
    with the decoder taken as part of the black box, D and Enc by

        E_δ[κ ‖D(x+σδ) − x‖² + γ w CE(f(Dec(Enc(D(x+σδ)))), f(x))],

    the gradient of the cross-entropy CE being estimated in the latent from queries. f(x) is the class that the
    classifier names for the clean image, as in the reference implementation, and w makes each named class count alike.
    At inference all three are ordinary networks: a white-box attacker differentiates through them and averages over δ.

    Args:
        sigma: σ (not σ²) of the noise, on [0, 1] pixels; 0 gives the autoencoder alone.
        gamma: γ, weight of the cross-entropy; 0 asks the classifier nothing and leaves out the zeroth-order steps.
            Adam does not see the scale of a loss, so any γ > 0 trains the encoder, which the squared error does not
            reach, alike: the size of γ only counts in the denoiser.
        denoising: κ, weight of the squared error per image; 0 with γ > 0 is the loss of Zhang et al.'s code, and
            needs a learning rate of 1e-4 or less, since then the denoiser has only the noisy estimate to follow.
        estimator: "rge" (random directions) or "cge" (coordinates, 2d queries an image and step).
        directions: q, random directions per image and step for "rge", which asks q + 1 queries.
        mu: μ, length of a probe, in standard deviations of the latent.
        latent: Wanted latent size d; the nearest that a grid of at most 8 × 8 cells allows is taken.
        width: Channels of hidden layers.
        depth: Convolutions of the denoiser.
        denoiser_epochs: Epochs of training D before any query.
        autoencoder_epochs: Epochs of training Enc and Dec before any query.
        steps: Zeroth-order steps, of 64 images each: 64 · steps · (q + 1) queries for "rge", 64 · steps · 2d for "cge".
        learning_rate: Adam's, at the first zeroth-order step.
        votes: Draws of δ that one decision rests on.
        decision_rule: "mean-logits" or "majority-vote".

    Attributes:
        queries_: Images that the last `fit` asked the classifier about.
    """

    name = "zo-ae-ds"
    source = "Zhang et al. 2022, 'How to robustify black-box ML models? A zeroth-order optimization perspective', ICLR"
    randomized = True
    purifier = True
    query_only = True

    queries_: int = 0

    def __init__(
        self,
        *,
        sigma: Annotated[float, Interval(ge=0, le=10)] = 0.25,
        gamma: NotNegative = 1.0,
        denoising: NotNegative = 1.0,
        estimator: Literal["rge", "cge"] = "rge",
        directions: AtOnce = 20,
        mu: Annotated[float, Interval(ge=1e-6, le=10)] = 0.005,
        latent: Annotated[int, Interval(ge=1, le=65536)] = 192,
        width: Annotated[int, Interval(ge=2, le=1024)] = 32,
        depth: Annotated[int, Interval(ge=2, le=100)] = 4,
        denoiser_epochs: Whole = 2,
        autoencoder_epochs: Whole = 6,
        steps: Whole = 150,
        learning_rate: Rate = 1e-3,
        votes: AtOnce = 8,
        decision_rule: Literal["mean-logits", "majority-vote"] = "mean-logits",
    ) -> None:
        self.sigma = sigma
        self.gamma = gamma
        self.denoising = denoising
        self.estimator = estimator
        self.directions = directions
        self.mu = mu
        self.latent = latent
        self.width = width
        self.depth = depth
        self.denoiser_epochs = denoiser_epochs
        self.autoencoder_epochs = autoencoder_epochs
        self.steps = steps
        self.learning_rate = learning_rate
        self.votes = votes
        self.decision_rule = decision_rule

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train the three networks; `classifier` is only queried, and is the same afterwards.

        Raises:
            UserError: A setting is out of range, or there are no images to train or validate on.
        """
        self.check_settings()
        if len(data.train) == 0 or len(data.validation) == 0:
            raise UserError(
                "there are no training or no validation images",
                where=f"defense {self.name!r}",
                remedy="give some of both",
            )
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            self._train(classifier, data)

    def _train(self, classifier: nn.Module, data: FitData) -> None:
        purifier = self._purifier(data.train.shape)
        purifier.initialise(torch.Generator().manual_seed(data.seed))
        purifier.to(data.device)
        black_box = BlackBox(classifier)
        denoised, encoded = self._shares(len(data.train))
        fit_reconstruction(
            purifier.denoiser,
            self._smooth,
            data,
            epochs=self.denoiser_epochs,
            stream="denoiser",
            report=lambda done: data.report(denoised * done, "denoiser"),
        )
        fit_reconstruction(
            nn.Sequential(purifier.encoder, purifier.decoder),
            lambda x, _noise: x,
            data,
            epochs=self.autoencoder_epochs,
            stream="autoencoder",
            report=lambda done: data.report(denoised + (encoded - denoised) * done, "autoencoder"),
        )
        purifier.standardise(data.train, data.device)
        if self.gamma > 0 and self.steps > 0:
            fit_stability(
                purifier,
                black_box,
                StabilityObjective(self.sigma, self.gamma, self.denoising, self._estimate),
                data,
                steps=self.steps,
                learning_rate=self.learning_rate,
                report=lambda done: data.report(encoded + (1 - encoded) * done, f"{black_box.queries} queries"),
            )
        self.queries_ = black_box.queries
        shape = torch.tensor(data.train.shape)
        self.weights_ = {"shape": shape} | {k: v.detach().cpu().clone() for k, v in purifier.state_dict().items()}

    def abridged(self) -> ZOAEDS:
        return ZOAEDS(**{**self.settings(), "denoiser_epochs": 0, "autoencoder_epochs": 0, "steps": 0})

    def _shares(self, images: int) -> tuple[float, float]:
        """Which share of the whole training is done after the denoiser's, and after the autoencoder's."""
        asked = 2 * self.latent if self.estimator == "cge" else self.directions + 1
        queries = BATCH * self.steps * asked if self.gamma > 0 else 0
        denoiser, autoencoder = (
            cost * images * epochs
            for cost, epochs in zip(_IN_QUERIES, (self.denoiser_epochs, self.autoencoder_epochs), strict=True)
        )
        whole = max(1, denoiser + autoencoder + queries)
        return denoiser / whole, (denoiser + autoencoder) / whole

    @property
    def purify_passes(self) -> Passes:
        return Passes(forwards=1)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """The classifier behind the trained networks.

        Raises:
            UserError: `fit` has not run and no weights were given back.
        """
        self.check_settings()
        if not self.weights_:
            raise UserError(
                "the defense has no weights", where=f"defense {self.name!r}", remedy="call fit before defend"
            )
        weights = dict(self.weights_)
        channels, height, width = weights.pop("shape").tolist()
        purifier = self._purifier((channels, height, width))
        purifier.load_state_dict(weights)
        parameter = next(classifier.parameters(), None)
        purifier.to("cpu" if parameter is None else parameter.device).eval().requires_grad_(False)
        return DefendedModel(
            classifier,
            purify=lambda x, noise: purifier(self._smooth(x, noise)),
            networks=[purifier],
            purify_passes=self.purify_passes,
            votes=self.votes,
            randomized=True,
            decision_rule=DecisionRule(self.decision_rule),
        )

    def _purifier(self, shape: tuple[int, int, int]) -> Purifier:
        return Purifier(shape, latent=self.latent, width=self.width, depth=self.depth)

    def _estimate(self, loss: Loss, points: Tensor, noise: Noise) -> Tensor:
        if self.estimator == "cge":
            return coordinate_gradient_estimate(loss, points, self.mu)
        directions = unit_sphere(noise.normal((self.directions, points.shape[1])))
        return random_gradient_estimate(loss, points, directions, self.mu)

    def _smooth(self, x: Tensor, noise: Noise) -> Tensor:
        return x + self.sigma * noise.stream("smoothing").normal(x.shape[1:])

    def check_settings(self) -> None:
        where = f"defense {self.name!r}"
        check_choice("estimator", self.estimator, ("rge", "cge"), where=where)
        check_choice("decision_rule", self.decision_rule, tuple(rule.value for rule in DecisionRule), where=where)
        for key, lowest in _LOWEST.items():
            check_whole(key, getattr(self, key), lowest, where=where)
        for key in ("sigma", "gamma", "denoising"):
            check_number(key, getattr(self, key), where=where)
        for key in ("mu", "learning_rate"):
            check_number(key, getattr(self, key), positive=True, where=where)
