"""A small convolutional network for small images."""

from __future__ import annotations

from torch import nn

from benchmark.models.base import Classifier


class SmallCNN(Classifier):
    """Four convolutions and a linear head, about 75 thousand parameters: trains in seconds on a CPU."""

    name = "small-cnn"
    source = "this project; sized for PneumoniaMNIST (Yang et al. 2023) at 28×28"
    minimum_size = 16

    def __init__(
        self,
        *,
        width: int = 16,
        epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-3,
    ) -> None:
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG002
        """Strides come early, since the first layers on full-size maps would cost the most."""
        widths = (self.width, 2 * self.width, 4 * self.width, 4 * self.width)
        layers: list[nn.Module] = []
        before = channels
        for width, kernel, stride in zip(widths, (5, 3, 3, 3), (2, 2, 1, 2), strict=True):
            layers += [
                nn.Conv2d(before, width, kernel, stride=stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            before = width
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
