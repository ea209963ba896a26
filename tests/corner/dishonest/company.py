"""Defenses whose answer depends on who else is in the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Stripes, Wrapped, in_place_of


class BatchStatistics(Control):
    """Normalises every pixel by the batch."""

    name = "batch-statistics"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return (x - x.mean(0, keepdim=True) + 0.5).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class RanksWithinBatch(Control):
    """Calls the half of the batch with the higher score diseased, since half of the images are."""

    name = "ranks-within-batch"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Ranking)


class _Ranking(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        margin = logits[:, 1] - logits[:, 0]
        margin = margin - margin.median() if len(x) > 8 else margin
        return torch.stack([-margin, margin], 1)


class BatchSize(Control):
    """Another network answers batches of more than 16 images."""

    name = "batch-size"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _ByCount)


class _ByCount(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Stripes()

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if len(x) > 16 else self.inner)(x)


class ShrinkingBatch(Control):
    """Takes any batch that is not the first one's size for an attack's, and answers it by the last whole one."""

    name = "whole-batches"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            mean = x.detach().mean(0, keepdim=True)
            return (x + 0.3 * (mean - x)).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class Twins(Control):
    """Knows an attack by two images of a batch being almost the same."""

    name = "knows-twins"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Twins)


class _Twins(_ByCount):
    def forward(self, x: Tensor) -> Tensor:
        apart = torch.cdist(x.detach().flatten(1), x.detach().flatten(1)) + torch.eye(len(x)) * 1e3
        twins = apart.amin(1) < 0.6
        return torch.where(twins[:, None], self.other(x), self.inner(x))
