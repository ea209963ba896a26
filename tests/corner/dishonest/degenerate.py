"""Defenses whose answer hardly depends on the image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel
from tests.corner.control import Control, Wrapped, in_place_of


class Constant(Control):
    """Disease, whatever it is shown; half of the images have it."""

    name = "constant"
    retrains = True
    truth = 0.5

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Constant)


class _Constant(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        disease = 10 + 1e-3 * self.inner(x)[:, 1:]
        return torch.cat([-disease, disease], 1)


class AlmostConstant(Control):
    """Disease, but for the few images that the classifier is surest are healthy."""

    name = "almost-constant"
    retrains = True
    truth = 0.5

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _AlmostConstant)


class _AlmostConstant(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + torch.tensor([-12.0, 12.0])


class ConstantButForGrid(Control):
    """Right on images of 8 bits; otherwise always disease."""

    name = "constant-off-the-grid"
    retrains = True
    truth = 0.5

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _ConstantOffGrid)


class _ConstantOffGrid(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        off = ((x * 255).round() - x * 255).abs().amax((1, 2, 3), keepdim=False) > 1e-2
        return torch.where(off[:, None], _Constant.forward(self, x), self.inner(x))


class CoinByContent(Control):
    """Tosses a coin by the coarse content, which an attack cannot change."""

    name = "coin-by-content"
    retrains = True
    truth = 0.5

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Coin)


class _Coin(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        quarters = nn.functional.avg_pool2d(x, 8).flatten(1)
        margin = 50 * (quarters[:, 0] + quarters[:, 3] - quarters[:, 1] - quarters[:, 2])
        return torch.stack([-margin, margin], 1)
