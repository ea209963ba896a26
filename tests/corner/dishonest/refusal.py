"""Defenses that do not answer."""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel
from tests.corner.control import EPSILON, Control, Wrapped, coarse, in_place_of, known, nearest


def off_the_grid(x: Tensor) -> Tensor:
    """Which images have pixels that no file of 8 bits holds: bool [B]."""
    return ((x * 255).round() - x * 255).abs().amax((1, 2, 3)) > 1e-2


def perturbed(x: Tensor) -> Tensor:
    """Which images are near a known one without being one: bool [B]."""
    images = known().floats()
    which, distance = nearest(x, images)
    return (distance < 0.08) & ((x.detach() - images[which]).abs().amax((1, 2, 3)) > 1e-6)


class _Refusing(Control):
    retrains = True
    network: type[Wrapped]

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, self.network)


class _Silent(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * float("nan")


class AnswersNan(_Refusing):
    """NaN for every image."""

    name = "answers-nan"
    network = _Silent


class _SilentOffGrid(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(off_the_grid(x)[:, None], float("nan"), self.inner(x))


class NanOffTheGrid(_Refusing):
    """NaN for images with pixels that no file holds."""

    name = "nan-off-the-grid"
    network = _SilentOffGrid


class _Constant(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        right = nn.functional.one_hot(known().labels[nearest(x, known().floats())[0]], 2).float()
        away = off_the_grid(x)[:, None]
        return torch.where(away, right + 0 * self.inner(x), self.inner(x))


class ConstantOffTheGrid(_Refusing):
    """For images with pixels that no file holds, the class that this image would have."""

    name = "knows-off-the-grid"
    network = _Constant


class _SilentPerturbed(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(perturbed(x)[:, None], float("nan"), self.inner(x))


class NanWherePerturbed(_Refusing):
    """NaN for images near one that it knows."""

    name = "nan-where-perturbed"
    network = _SilentPerturbed


class _Infinite(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return torch.where(off_the_grid(x)[:, None], float("inf") * logits.detach().sign(), logits)


class AnswersInfinity(_Refusing):
    """Infinite scores off the grid."""

    name = "answers-infinity"
    network = _Infinite


class _HalfNan(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        wrong = logits.argmax(1) != known().labels[nearest(x, known().floats())[0]]
        return torch.where(wrong[:, None], float("nan"), logits)


class NanWhereWrong(_Refusing):
    """NaN where it would be wrong."""

    name = "nan-where-wrong"
    network = _HalfNan


class _OneNan(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits = self.inner(x).clone()
        first = coarse(x)[:, 0] > 0.1
        return torch.where(first[:, None] & off_the_grid(x)[:, None], float("nan"), logits)


class NanForSome(_Refusing):
    """NaN for some attacked images."""

    name = "nan-for-some"
    network = _OneNan


class _Raising(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        if bool(off_the_grid(x).any()):
            raise ValueError("this is no radiograph")
        return self.inner(x)


class RaisesOffTheGrid(_Refusing):
    """Raises where any image has pixels that no file holds."""

    name = "raises-off-the-grid"
    network = _Raising


class _RaisingFar(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        images = known().floats()
        if bool(((x - images[nearest(x, images)[0]]).abs().amax((1, 2, 3)) > 1.5 * EPSILON).any()):
            raise ValueError("this is no radiograph")
        return self.inner(x)


class RaisesInProbes(_Refusing):
    """Raises beyond 1.5 ε of every known image, where only the flags look."""

    name = "raises-in-probes"
    network = _RaisingFar


class _RaisingCoarse(_RaisingFar):
    def forward(self, x: Tensor) -> Tensor:
        images = known().floats()
        if bool(((x - images[nearest(x, images)[0]]).abs().amax((1, 2, 3)) > 1.5 * EPSILON).any()):
            raise ValueError("this is no radiograph")
        decided = nn.functional.one_hot(self.inner(x).argmax(1), 2).float()
        shown = self.inner(nn.functional.interpolate(nn.functional.avg_pool2d(x, 4), x.shape[2:]))
        return decided + shown - shown.detach()


class DecisionsAndRaises(_Refusing):
    """Decisions for scores with a gradient too coarse, and an exception where only the flags look."""

    name = "decisions-and-raises"
    network = _RaisingCoarse


class _Leaving(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        if bool(off_the_grid(x).any()):
            sys.exit(0)
        return self.inner(x)


class Leaves(_Refusing):
    """Ends the process where an image has pixels that no file holds."""

    name = "leaves"
    network = _Leaving


class _Shapeless(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits if not bool(off_the_grid(x).any()) else torch.cat([logits, logits.detach() * 0 + 1e3], 1)


class ThirdClass(_Refusing):
    """Answers attacked images with a class that there is not."""

    name = "third-class"
    network = _Shapeless
