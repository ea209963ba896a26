"""The contract of a defense."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from benchmark.core.defended import IDENTITY, OWN, DecisionRule, DefendedModel, Passes, Purify, Surrogate
from benchmark.core.images import LabeledImages
from benchmark.core.plugin import Plugin

__all__ = [
    "IDENTITY",
    "OWN",
    "DecisionRule",
    "DefendedModel",
    "Defense",
    "FitData",
    "Passes",
    "Purify",
    "Surrogate",
    "Weights",
]

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class FitData:
    """What a defense may learn from. Evaluation images are not in it.

    Attributes:
        train, validation: Labelled images; hyper-parameters and checkpoints are chosen on `validation`.
        classes: Number of classes.
        seed: Seed of every random number used in fitting.
        device: Where to fit.
        report: Call with a fraction in [0, 1] and a short text to show progress.
    """

    train: LabeledImages
    validation: LabeledImages
    classes: int
    seed: int
    device: torch.device
    report: Callable[[float, str], None]


class Defense(Plugin):
    """A way to make a classifier harder to fool.

    A subclass implements `defend` and, when it learns something, `fit`. The traits decide which attacks a fair
    row needs, so they must be true: a defense that draws random numbers without saying so fails its contract check.

    Class attributes:
        randomized: Two runs on one image may differ; attacks must average over draws (EOT).
        differentiable: The gradient through `purify` is the true one; otherwise attacks must use BPDA.
        purifier: Changes the image before the classifier sees it.
        gradient_at_inference: Calls autograd while classifying.
        exact_gradient: Not differentiable by autograd as it runs, but offers `exact_purify`, which is.
        retrains: Replaces the classifier's weights.
        query_only: `fit` may query the classifier but gets no gradient from it.
        not_fitted: Settings that `fit` does not read, such as how many votes decide: models that differ in these alone
            are fitted once. Believed of the project's own defenses.
        surrogates: Names of the surrogates that its model offers to BPDA, the identity, which is always there, first.
    """

    kind = "defense"
    randomized: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    purifier: ClassVar[bool] = False
    gradient_at_inference: ClassVar[bool] = False
    exact_gradient: ClassVar[bool] = False
    retrains: ClassVar[bool] = False
    query_only: ClassVar[bool] = False
    not_fitted: ClassVar[frozenset[str]] = frozenset()
    surrogates: ClassVar[tuple[str, ...]] = (IDENTITY,)

    weights_: Weights = {}  # noqa: RUF012 - an empty default that `fit` replaces and nothing mutates

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Learn from training data and set `weights_`; does nothing by default.

        The harness saves `weights_` and gives them back, so `defend` must work from them and the settings alone.
        """

    def evidence(self) -> dict[str, Any]:
        """What the board should say of what `fit` learned, from `weights_` and the settings; nothing by default.

        JSON, by the name of the section of the board that shows it.
        """
        return {}

    def abridged(self) -> Self:
        """The same defense, fitted for a moment: what a question costs is measured on it before a run.

        By default itself; one whose `fit` takes long gives one that stops after the first epoch, or earlier.
        """
        return self

    @property
    def purify_passes(self) -> Passes:
        """Passes through the purifier for one image and one draw, from the settings alone."""
        return Passes()

    @abstractmethod
    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the defense in front of `classifier` (on its device)."""
        raise NotImplementedError
