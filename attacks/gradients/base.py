"""The contract of a gradient estimator: how an attack differentiates through a defense, whatever its search."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.features import Features, recording
from benchmark.core.noise import Noise
from benchmark.core.plugin import Plugin
from benchmark.core.settings import Count

_CPU_ROWS = 256


class UnavailableGradientError(RuntimeError):
    """The defense blocks autograd; the attack must use another estimator."""


@dataclass(frozen=True)
class Ascent:
    """What one gradient evaluation gives.

    Attributes:
        gradient: Of the objective with respect to the image: [B, C, H, W].
        logits: The defended model's answer, averaged over draws: [B, K].
        value: The objective: [B].
    """

    gradient: Tensor
    logits: Tensor
    value: Tensor


class GradientEstimator(Plugin):
    """The gradient of an objective on the mean logits over `draws` random draws.

    With `draws` > 1 this is expectation over transformation (Athalye et al. 2018b) in the form of Hill et al. 2021,
    eq. 18: Σ_h ∇_{x̂_h} J((1/H) Σ_h f(x̂_h)), all draws stacked into one batch.

    Args:
        draws: Random draws of the defense that the logits are averaged over; a suite says `eot_samples`.

    Class attributes:
        exact: Whether it differentiates the defended model itself rather than a stand-in.
        sees_defense: Whether its logits are the defended model's, so that they tell when an image has fallen.
        follows_values: Whether it asks for values in the place of gradients, as a black-box attack could.
        surrogate: The only surrogate of the defense that it goes through; empty where there is no such one.
    """

    kind = "gradient"
    handed = frozenset({"draws"})
    exact: ClassVar[bool] = False
    sees_defense: ClassVar[bool] = True
    follows_values: ClassVar[bool] = False
    surrogate: str = ""

    def __init__(self, *, draws: Count = 1) -> None:
        self.draws = draws

    @abstractmethod
    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """(leaf, purified): the tensor to differentiate by, and what the classifier is given."""
        raise NotImplementedError

    def __call__(self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise) -> Ascent:
        """Evaluate the objective and its gradient at `x` [B, C, H, W]; rows do not influence each other.

        Raises:
            UnavailableGradientError: No gradient reaches the image.
        """
        with torch.enable_grad():
            # Memory of their own, because a defense may write into what it is shown.
            copies = x.detach().repeat_interleave(self.draws, 0)
            leaf, purified = self.link(model, copies, noise.repeat(self.draws))
            logits, value = self.evaluate(model, objective, purified, aim)
            if not value.requires_grad:
                raise UnavailableGradientError("no gradient reaches the image: the defense is not differentiable")
            (gradient,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
        if gradient is None:
            raise UnavailableGradientError("no gradient reaches the image: the defense is not differentiable")
        if self.draws > 1:
            gradient = gradient.unflatten(0, (x.shape[0], self.draws)).sum(1)
        return Ascent(finite_or_zero(gradient.detach()), logits.detach(), value.detach())

    def evaluate(self, model: DefendedModel, objective: Objective, purified: Tensor, aim: Aim) -> tuple[Tensor, Tensor]:
        """(logits [B, K] averaged over draws, objective [B]) of `draws` purified copies of each image in succession."""
        rows = len(aim.labels)
        features: Features | None = None
        if objective.needs_features:
            with recording(model.classifier) as recorded:
                votes = model.classify(purified)
            features = _mean_over_draws(recorded, rows, self.draws, votes.shape[0])
        else:
            votes = _classify(model, purified)
        logits = votes if self.draws == 1 else votes.unflatten(0, (rows, self.draws)).mean(1)
        return logits, objective(logits, features, aim)

    def averaging(self, draws: int) -> Self:
        """The same over another number of draws."""
        other = copy.copy(self)
        other.draws = draws
        return other

    def through(self, surrogates: Sequence[str]) -> list[GradientEstimator]:
        """The estimators that an attack is run with in turn on a defense with these `surrogates`: by default itself."""
        del surrogates
        return [self]

    def without_use(self, traits: Mapping[str, Any]) -> str:
        """Why it has no use on a defense with these traits; empty, the default, where it has one."""
        del traits
        return ""

    @property
    def values(self) -> int:
        """Values asked in the place of one gradient; 0 where there is a gradient."""
        return 0

    def budget(self) -> str:
        """What it adds to the attacker's effort in words, for the threat model."""
        return ""

    def passes(self, model: DefendedModel) -> Passes:
        """Passes that one evaluation costs per image."""
        return Passes(self.draws * (1 + model.purify_passes.forwards), self.draws * (1 + model.purify_passes.backwards))


def _classify(model: DefendedModel, purified: Tensor) -> Tensor:
    """Logits of many images; on a CPU a part at a time, since a batch beyond its cache takes a fifth longer."""
    if purified.device.type != "cpu" or purified.shape[0] <= _CPU_ROWS:
        return model.classify(purified)
    return torch.cat([model.classify(part) for part in purified.split(_CPU_ROWS)])


def _mean_over_draws(features: Features, rows: int, draws: int, copies: int) -> Features:
    def average(values: Tensor) -> Tensor:
        # Small batches are padded on their way in; the padding's features are the trailing rows.
        return values[:copies].unflatten(0, (rows, draws)).mean(1)

    assert features.penultimate is not None
    return Features([average(layer) for layer in features.layers], average(features.penultimate))


def finite_or_zero(gradient: Tensor) -> Tensor:
    """A gradient whose broken entries are zero, so that one image's overflow cannot move another's pixels."""
    return gradient.nan_to_num(0.0, 0.0, 0.0)
