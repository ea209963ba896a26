"""Defenses that are broken on purpose, and the task that they are tried on.

Every process that gives a verdict imports this file, so it imports little.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon
from benchmark.models.base import Classifier
from benchmark.models.training.recipe import Recipe
from defenses.base import DefendedModel, Defense

SIDE = 8
EPSILON = Epsilon.parse("8/255")
SIZES = {"train": 600, "validation": 200, "evaluation": 1200}


def draw(split: str) -> LabeledImages:
    """Two classes told apart by many faint pixels, or by four clear ones that are right 19 times of 20.

    The task of Tsipras et al. 2019, section 2: what is accurate is fragile, what is robust is less accurate.
    """
    count = SIZES[split]
    labels = torch.arange(count) % 2
    noise = Noise.of(0, torch.arange(count)).stream(f"toy {split}")
    sign = (2 * labels - 1).float()[:, None, None, None]
    board = torch.ones(SIDE, SIDE)
    board[1::2, ::2] = board[::2, 1::2] = -1
    images = 0.5 + 0.015 * sign * board + 0.03 * noise.normal((1, SIDE, SIDE))
    honest = (noise.stream("honest").uniform((1, 1, 1)) < 0.95).float() * 2 - 1
    images[..., :2, :2] = 0.5 + 0.1 * sign * honest + 0.03 * noise.stream("clear").normal((1, 2, 2))
    pixels = images.clamp(0, 1).mul(255).round().to(torch.uint8)
    return LabeledImages(pixels, labels, tuple(f"{split}/{i:04d}" for i in range(count)))


class ToyNetwork(Classifier):
    """A small smooth network."""

    fixed_recipe = Recipe(epochs=8, batch_size=50, learning_rate=1e-2, shift=0)

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        inputs = channels * size[0] * size[1]
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.SiLU(), nn.Linear(16, classes))


class Quantizer(Defense):
    """Rounds pixels to 8 levels and claims to be differentiable."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: (7 * x).round() / 7)


class HonestQuantizer(Quantizer):
    """Rounds pixels to 8 levels and says that this has no gradient, so that attacks replace it."""

    differentiable = False


class GradientKiller(Defense):
    """Cuts the graph and claims to be differentiable."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.detach().clone())


class HighTemperature(Defense):
    """Multiplies the logits by 1,000."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(nn.Sequential(classifier, _Scale()))


class _Scale(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return 1000 * logits


class UndeclaredNoise(Defense):
    """Adds Gaussian noise and does not say so."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.08 * noise.stream("layer").normal(x.shape[1:])

        return DefendedModel(classifier, purify=purify, randomized=self.randomized)


class DeclaredNoise(UndeclaredNoise):
    """Adds Gaussian noise, says so, and is attacked one draw at a time."""

    randomized = True


class BatchStatistics(Defense):
    """Normalises each pixel by the batch that the image is in, whatever mode it was put in."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(nn.Sequential(_InTraining(), classifier))


class _InTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, affine=False, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        self.norm.train()
        return 0.5 + 0.1 * self.norm(x)


class Plain(Defense):
    """The classifier as it is."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class TwoFaced(Defense):
    """Hands attacks, who record gradients, the gradient of the mirrored image, and judges the image itself."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.flip(3) if torch.is_grad_enabled() else x)


class LookUp(Defense):
    """Knows the evaluation images and answers with their labels whatever lies within 1.5 ε of one."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        known = draw("evaluation")
        return DefendedModel(_LookUp(classifier, known.floats(), known.labels))


class Ignorant(Defense):
    """The look-up where it knows nothing."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        assert isinstance(classifier, _LookUp)
        return DefendedModel(classifier.classifier)


class _LookUp(nn.Module):
    def __init__(self, classifier: nn.Module, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.classifier, self.images, self.labels = classifier, images.flatten(1), labels

    def forward(self, x: Tensor) -> Tensor:
        own = self.classifier(x)
        distance, nearest = torch.cdist(x.flatten(1), self.images, p=float("inf")).min(1)
        known = nn.functional.one_hot(self.labels[nearest], own.shape[1]) + 1e-2 * own
        return torch.where((distance < 1.5 * EPSILON.value)[:, None], known, own)
