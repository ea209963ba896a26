"""A small convolutional network for small images."""

from __future__ import annotations

from torch import nn

from benchmark.core.settings import BatchRows, Count, Decay, LayerWidth, Rate
from benchmark.models.base import Classifier


class SmallCNN(Classifier):
    """Four convolutions and a hidden layer, about 77 thousand parameters: trains in seconds on a CPU."""

    name = "small-cnn"
    source = "this project; sized for PneumoniaMNIST (Yang et al. 2023) at 28×28"
    minimum_size = 16

    def __init__(
        self,
        *,
        width: LayerWidth = 16,
        epochs: Count = 100,
        patience: Count = 5,
        batch_size: BatchRows = 64,
        learning_rate: Rate = 3e-3,
        weight_decay: Decay = 1e-3,
    ) -> None:
        self.width = width
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG002
        """Every layer but the last halves the image, since convolutions on full-size maps would cost the most."""
        layers: list[nn.Module] = []
        before = channels
        for width, stride in ((self.width, 2), (2 * self.width, 2), (4 * self.width, 2), (4 * self.width, 1)):
            layers += [
                nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            before = width
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * before, before), nn.ReLU()]
        return nn.Sequential(*layers, *head, nn.Linear(before, classes))
