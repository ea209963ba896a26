"""A classifier that cannot be attacked by its gradient."""

from __future__ import annotations

from torch import Tensor, nn

from benchmark.models.base import Classifier
from benchmark.models.training.recipe import Recipe


class _Shy(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            raise ArithmeticError("no gradient for you")
        return super().forward(x)


class Shy(Classifier):
    """Answers, and raises where anyone wants its gradient: fine as a target, useless as a source."""

    name = "shy-in-tests"
    fixed_recipe = Recipe(epochs=2)

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        return _Shy(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, 8), nn.ReLU(), nn.Linear(8, classes)
        )
