"""What a study is handed: a defended model, and images that it gets right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from attacks.geometry.ball import Ball
from attacks.objectives.aim import Aim
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.bootstrap import group_weights, percentile
from benchmark.evaluation.intervals import group_numbers, share_of
from benchmark.records.study_findings import Measured
from defenses.base import Defense


@dataclass(frozen=True)
class Subject:
    """A defended model in the hands of a study.

    Attributes:
        model: The defended model.
        defense: The defense, fitted.
        classifier: The classifier that it was put in front of.
        images: Evaluation images that the model gets right: [N, C, H, W] in [0, 1], on the model's device.
        labels: Their classes: int64 [N].
        groups: The patient of each; the image's own name where there is none.
        noise: Keyed random numbers, one row per image.
        norm, epsilon: The perturbation that an attacker of the study may use.
        batch_size: How many images at a time.
        report: Call with a share in [0, 1] and a short text to show progress.
        seed: Of the bootstrap.
    """

    model: DefendedModel
    defense: Defense
    classifier: nn.Module
    images: Tensor
    labels: Tensor
    groups: tuple[str, ...]
    noise: Noise
    norm: Norm
    epsilon: Epsilon
    batch_size: BatchSize
    report: Callable[[float, str], None]
    seed: int = 0

    def __len__(self) -> int:
        return self.images.shape[0]

    def map(self, ask: Callable[[slice], Tensor]) -> Tensor:
        """What `ask` gives for successive slices of the images, joined in their first dimension.

        The model is in eval mode with its parameters frozen, and no gradient is kept unless `ask` turns it on.
        """
        with frozen(self.model), torch.no_grad():
            return torch.cat(self.batch_size.map(len(self), ask))

    def ball(self, rows: slice) -> Ball:
        """The images allowed around some of the images."""
        return Ball(self.norm, self.epsilon.value, self.images[rows])

    def aim(self, rows: slice) -> Aim:
        """Away from the class of some of the images."""
        return Aim(self.labels[rows])

    def right(self, images: Tensor, purpose: str) -> Tensor:
        """Whether the model decides rightly on `images` [N, C, H, W], with draws of their own: bool [N]."""
        noise = self.noise.stream(purpose)
        decided = self.map(lambda rows: self.model.decide(images[rows], noise[rows]))
        return decided.argmax(1) == self.labels

    def share(self, hits: Tensor) -> Measured:
        """The share of images that are hits, with its Wilson interval, patients as clusters: bool [N]."""
        found = share_of(hits.cpu().numpy(), self.groups)
        return Measured(value=found.value, low=found.interval.low, high=found.interval.high)

    def mean(self, values: Tensor) -> Measured:
        """The mean of a number for each image, with the interval of drawing patients again with replacement: [N]."""
        numbers, group = values.double().cpu().numpy(), group_numbers(self.groups)
        patients = int(group.max()) + 1
        if patients == 1:
            return Measured(value=float(numbers.mean()))
        weights = group_weights(patients, np.random.default_rng(self.seed))
        totals, sizes = np.bincount(group, weights=numbers), np.bincount(group)
        drawn = percentile((weights @ totals) / (weights @ sizes))
        assert drawn is not None
        return Measured(value=float(numbers.mean()), low=drawn.low, high=drawn.high)

    def with_settings(self, **changed: Any) -> Self:
        """The same with the defense's settings changed and what it has learned kept.

        Raises:
            UserError: The defense has no such setting, or the value is out of its range.
        """
        other = changed_settings(self.defense, changed)
        other.weights_ = self.defense.weights_
        with frozen(self.classifier):
            model = other.defend(self.classifier).to(self.images.device)
        return replace(self, defense=other, model=model)


def changed_settings(defense: Defense, changed: dict[str, Any]) -> Defense:
    """The same defense, not fitted, with other settings; raises UserError where they cannot be."""
    return type(defense).from_settings({**defense.settings(), **changed}, where=f"defense {defense.name!r}")
