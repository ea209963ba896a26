"""Subjects of studies of which everything is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.studies.subject import Subject
from defenses.base import Defense

EPSILON = 0.05


class Linear(nn.Module):
    """Class 0's margin is 1 plus a weighted sum of the pixels' distances from grey."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("weights", scale * Noise.of(3, range(1)).normal((1, 8, 8)))

    def forward(self, x: Tensor) -> Tensor:
        margin = 1 + ((x - 0.5) * self.weights).sum((1, 2, 3))
        return torch.stack([margin, torch.zeros_like(margin)], dim=1)


class Shrinking(Defense):
    """Each step brings pixels nearer to grey by a factor, and adds noise at the end. Without a name."""

    purifier = True
    differentiable = False
    exact_gradient = True

    def __init__(self, *, factor: float = 0.5, steps: int = 1, spread: float = 0.0) -> None:
        self.factor = factor
        self.steps = steps
        self.spread = spread

    @property
    def randomized(self) -> bool:  # type: ignore[override]
        return self.spread > 0

    @property
    def purify_passes(self) -> Passes:
        return Passes(self.steps, self.steps)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def exact(x: Tensor, noise: Noise) -> Tensor:
            shrunk = 0.5 + self.factor**self.steps * (x - 0.5)
            return shrunk + self.spread * noise.normal(x.shape[1:]) if self.spread else shrunk

        def purify(x: Tensor, noise: Noise) -> Tensor:
            with torch.no_grad():
                return exact(x, noise)

        return DefendedModel(
            classifier, purify=purify, exact_purify=exact, purify_passes=self.purify_passes, randomized=self.randomized
        )


def subject(defense: Defense, images: Tensor, *, groups: tuple[str, ...] = (), scale: float = 1.0) -> Subject:
    classifier = Linear(scale)
    return Subject(
        model=defense.defend(classifier),
        defense=defense,
        classifier=classifier,
        images=images,
        labels=torch.zeros(len(images), dtype=torch.int64),
        groups=groups or tuple(map(str, range(len(images)))),
        noise=Noise.of(1, range(len(images))),
        norm=Norm.LINF,
        epsilon=Epsilon.parse(EPSILON),
        batch_size=BatchSize(64),
        report=lambda share, text: None,
    )


def grey(count: int = 6) -> Tensor:
    return torch.full((count, 1, 8, 8), 0.5)
