"""Defenses whose scores leave gradients, or objectives, nothing to follow."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel
from tests.corner.control import Control, Wrapped, in_place_of


class _Rescored(Control):
    retrains = True
    network: type[Wrapped]

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, self.network)


class _Offset(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + 1e7


class LargeOffset(_Rescored):
    """Adds ten million to every score, beside which their difference is rounded away to whole numbers."""

    name = "large-offset"
    network = _Offset


class _Hot(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * 1e6


class HighTemperature(_Rescored):
    """Multiplies the scores by a million."""

    name = "high-temperature"
    network = _Hot


class _Cold(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * 1e-30


class LowTemperature(_Rescored):
    """Divides the scores by so much that gradients vanish in float32."""

    name = "low-temperature"
    network = _Cold


class _OneHot(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(self.inner(x).argmax(1), 2).float() + 0 * x.sum((1, 2, 3))[:, None]


class DecisionsAsScores(_Rescored):
    """Gives its decision for its scores; its gradient is zero."""

    name = "decisions-as-scores"
    network = _OneHot


class _OneHotCoarse(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        decided = nn.functional.one_hot(self.inner(x).argmax(1), 2).float()
        shown = self.inner(nn.functional.interpolate(nn.functional.avg_pool2d(x, 4), x.shape[2:]))
        return decided + shown - shown.detach()


class DecisionsWithGradient(_Rescored):
    """Gives its decision for its scores, with a gradient that is too coarse to follow."""

    name = "decisions-with-gradient"
    network = _OneHotCoarse


class _Rounded(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits + (logits.round() - logits).detach() * 1.0


class RoundedScores(_Rescored):
    """Rounds its scores to whole numbers, so that random search feels nothing on the way."""

    name = "rounded-scores"
    network = _Rounded


class _Clamped(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return (1000 * self.inner(x)).clamp(-1, 1)


class ClampedScores(_Rescored):
    """Cuts its scores off, so that they are flat but at the boundary itself."""

    name = "clamped-scores"
    network = _Clamped


class _Probable(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return (50 * self.inner(x)).softmax(1)


class Probabilities(_Rescored):
    """Gives probabilities that are sure of everything for scores."""

    name = "probabilities"
    network = _Probable


class _Half(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        small = self.inner((x * 1e-4).half().float() * 1e4)
        return (small * 1e-3).half().float()


class HalfPrecision(_Rescored):
    """Passes the image and its scores through float16, where small gradients become none."""

    name = "half-precision"
    network = _Half


class _Dithered(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        hashed = torch.sin(x.detach().sum((1, 2, 3)) * 1e6)
        wobble = 0.45 * (logits[:, 1] - logits[:, 0]).detach() * hashed
        return logits + torch.stack([wobble, -wobble], 1)


class HashDithering(_Rescored):
    """Scales its margin by a hash of the image, so that values say nothing of which step helped."""

    name = "hash-dithering"
    network = _Dithered
