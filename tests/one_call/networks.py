"""What a user hands over: a network of their own file, and a defense that draws random numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel, Defense


class OneLogit(nn.Module):
    """Log-odds that the middle of an image is bright, through a small convolution; normalises by itself."""

    def __init__(self, size: int = 28, channels: int = 1) -> None:
        super().__init__()
        self.mean = 0.5
        self.body = nn.Sequential(nn.Conv2d(channels, 4, 5, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(self.body(torch.zeros(1, channels, size, size)).shape[1], 1)

    def forward(self, x: Tensor) -> Tensor:
        logit: Tensor = 20 * self.head(self.body((x - self.mean) / 0.25))
        return logit


def one_logit() -> nn.Module:
    return seeded(OneLogit)


def seeded(cls: type[nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls().eval()


class NoiseOfOneCall(Defense):
    """Adds uniform noise."""

    name = "noise-of-one-call"
    randomized = True
    purifier = True

    def __init__(self, *, level: float = 0.02) -> None:
        self.level = level

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=self._purify, randomized=True, votes=2)

    def _purify(self, x: Tensor, noise: Noise) -> Tensor:
        return (x + self.level * (2 * noise.uniform(x.shape[1:]) - 1)).clamp(0, 1)
