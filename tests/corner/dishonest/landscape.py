"""Defenses whose gradient is true, and leads nowhere: the values themselves are made to mislead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel
from tests.corner.control import Control, Stripes, Wrapped, in_place_of


class Sawtooth(Control):
    """Every pixel climbs in steps and falls between them: the slope at a point is not that of the image."""

    name = "sawtooth"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: object) -> Tensor:
            step = (x.detach() * 512).floor() / 512
            return (2 * step - x + 1 / 512).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class Shattered(Control):
    """Adds a fine wave whose slope drowns the image's (shattered gradients, Athalye et al. 2018)."""

    name = "shattered"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: (x + 0.002 * torch.sin(5000 * x)).clamp(0, 1))


class ExplodingScores(Control):
    """Takes an odd high power of its margin, flat around the boundary and steep far from it."""

    name = "flat-at-the-boundary"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Powered)


class _Powered(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        margin = (logits[:, 1] - logits[:, 0]) / 4
        margin = margin.sign() * margin.abs() ** 9
        return torch.stack([-margin, margin], 1)


class DecoyValley(Control):
    """Adds a confidence that depends on the brightness alone and swamps every other slope, and no decision."""

    name = "decoy-slope"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Swamped)


class _Swamped(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        wave = torch.sin(3000 * x.mean((1, 2, 3)))
        return logits * (1.5 + wave)[:, None]


class GentleDecoy(Control):
    """Multiplies the scores of another network by a slow wave of the brightness."""

    name = "gentle-decoy"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Wave(Stripes().eval()))


class _Wave(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * (1.2 + torch.sin(400 * x.mean((1, 2, 3))))[:, None]


class SteepBrightness(Control):
    """Multiplies the scores of another network by a power of the brightness, which every attack climbs down first."""

    name = "steep-brightness"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Steep(Stripes().eval()))


class _Steep(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * torch.exp(300 * (x.mean((1, 2, 3)) - 0.5))[:, None]


class SteepPattern(Control):
    """Multiplies the scores of another network by a power of how much the image shows of a pattern."""

    name = "steep-pattern"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Patterned(Stripes().eval()))


class _Patterned(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        pattern = torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(1)).sign().to(x)
        return self.inner(x) * torch.exp(400 * (x * pattern).mean((1, 2, 3)))[:, None]
