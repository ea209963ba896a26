"""Tasks of any shape and number of classes, with a convolutional classifier that is fitted in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from benchmark.models.training.deployed import DeployedClassifier


@dataclass(frozen=True)
class Task:
    """Images that the classifier gets right, and others to learn from."""

    x: Tensor
    labels: Tensor
    train: Tensor
    classifier: nn.Module
    classes: int

    @property
    def targets(self) -> Tensor:
        """A wrong class for each image."""
        return (self.labels + 1) % self.classes


@cache
def task(shape: tuple[int, int, int], classes: int, one_logit: bool = False, count: int = 10) -> Task:
    """Each class is a smooth pattern under noise within a black border; ridge regression on random filters reads it."""
    total = 260
    labels = torch.arange(total) % classes
    patterns = nn.functional.interpolate(Noise.of(3, range(classes)).normal((shape[0], 4, 4)), size=shape[1:])
    noise = Noise.of(4, range(total))
    strength = 0.01 + 0.07 * noise.stream("strength").uniform((1, 1, 1))
    x = (0.5 + strength * patterns[labels] + 0.1 * noise.normal(shape)).clamp(0, 1)
    x[..., :2] = 0
    x[..., -2:] = 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        filters = nn.Sequential(nn.Conv2d(shape[0], 6, 3, 2), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten())
    with torch.no_grad():
        seen = filters(x[:200])
        mean = seen.mean(0)
        wanted = nn.functional.one_hot(labels[:200], classes).float() - 1 / classes
        kernel = (seen - mean) @ (seen - mean).T + 0.1 * torch.eye(200)
        weight = 8 * (torch.linalg.solve(kernel, wanted).T @ (seen - mean))
        if one_logit:
            weight = weight[1:] - weight[:1]
        head = nn.Linear(weight.shape[1], weight.shape[0])
        head.weight.copy_(weight)
        head.bias.copy_(-weight @ mean)
    network = nn.Sequential(*filters, head)
    classifier = DeployedClassifier(network, channels=shape[0], classes=classes).eval()
    with torch.no_grad():
        right = (classifier(x[200:]).argmax(1) == labels[200:]).nonzero().flatten()[:count] + 200
    assert len(right) == count, "the classifier must know its classes"
    return Task(x[right], labels[right], x[:200], classifier, classes)
