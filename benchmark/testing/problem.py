"""Two small tasks with a classifier each: what the checks run plug-ins on."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.base import Classifier
from benchmark.models.training.classifier import train_classifier
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.recipe import Recipe

_SIZES = {"train": 240, "validation": 60, "evaluation": 400}
_BORDER = 2


@dataclass(frozen=True)
class Problem:
    """Drawn images of `classes` kinds, and a classifier that tells most of them apart and is easily fooled."""

    train: LabeledImages
    validation: LabeledImages
    evaluation: LabeledImages
    classes: int
    trained: DeployedClassifier

    def classifier(self) -> DeployedClassifier:
        """A copy of the classifier in eval mode, to do with as one likes."""
        return deepcopy(self.trained)

    def proxies(self, count: int) -> tuple[nn.Module, ...]:
        """Classifiers of an attacker's own: trained as this one was, from other weights; frozen."""
        own = (_trained(self.train.shape, self.classes, 1 + number) for number in range(count))
        return tuple(deepcopy(classifier).requires_grad_(False) for classifier in own)

    def correct(self, count: int) -> LabeledImages:
        """The first evaluation images that the classifier gets right: the only ones that are ever attacked."""
        with torch.no_grad():
            right = self.trained(self.evaluation.floats()).argmax(1) == self.evaluation.labels
        return self.evaluation[right.nonzero().flatten()[:count]]


@cache
def grayscale() -> Problem:
    """Two classes of 1×28×28 images."""
    return _problem((1, 28, 28), classes=2)


@cache
def color() -> Problem:
    """Three classes of 3×24×20 images, which are not square."""
    return _problem((3, 24, 20), classes=3)


def _problem(shape: tuple[int, int, int], classes: int) -> Problem:
    splits = {name: _draw(shape, classes, count, name) for name, count in _SIZES.items()}
    return Problem(**splits, classes=classes, trained=_trained(shape, classes, 0))


@cache
def _trained(shape: tuple[int, int, int], classes: int, seed: int) -> DeployedClassifier:
    train, validation = (_draw(shape, classes, _SIZES[name], name) for name in ("train", "validation"))
    return train_classifier(
        _Toy(),
        train,
        validation,
        classes=classes,
        seed=seed,
        device=torch.device("cpu"),
        report=lambda _fraction, _text: None,
    )


def _draw(shape: tuple[int, int, int], classes: int, count: int, split: str) -> LabeledImages:
    """Waves whose direction is the class, under noise, within a black border as radiographs have one."""
    _, height, width = shape
    labels = torch.arange(count) % classes
    noise = Noise.of(0, torch.arange(count)).stream(split)
    angle = math.pi * labels / classes
    rows, columns = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    along = angle.cos()[:, None, None] * rows + angle.sin()[:, None, None] * columns
    phase = noise.stream("phase").uniform((1, 1))
    waves = (2 * math.pi * (2 * along + phase)).sin()[:, None]
    # Faint waves and clear ones, so that some images fall to a small perturbation and others do not.
    strength = 0.01 + 0.14 * noise.stream("strength").uniform((1, 1, 1))
    images = 0.5 + strength * waves + 0.1 * noise.normal(shape)
    images[..., :_BORDER] = 0
    images[..., -_BORDER:] = 0
    pixels = images.clamp(0, 1).mul(255).round().to(torch.uint8)
    return LabeledImages(pixels, labels, tuple(f"{split}/{i:04d}" for i in range(count)))


class _Toy(Classifier):
    """Without a name, so that it is not registered."""

    fixed_recipe = Recipe(epochs=12, batch_size=32, learning_rate=1e-2, shift=0)

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        del size
        return nn.Sequential(
            nn.Conv2d(channels, 8, 5, stride=2, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, classes),
        )


class DoublePrecision(nn.Module):
    """A classifier that computes in float64, so that no difference between two batches can be put down to rounding."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier.double()

    def forward(self, x: Tensor) -> Tensor:
        """float32 images [B, C, H, W] → float32 logits [B, K]."""
        logits: Tensor = self.classifier(x.double())
        return logits.float()
