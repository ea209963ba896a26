"""What the controls share: their truth, a second fragile network, and what an author of a look-up knows."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from defenses.base import DefendedModel, Defense
from tests.corner.task import draw

EPSILON = 8 / 255


class Control(Defense):
    """A defense whose worth is known by construction.

    Class attributes:
        truth: The robust accuracy that its row may not exceed; nothing in front of the fragile network leaves any.
        known_gap: Why its row ranks above that all the same; empty where it does not.
    """

    source = "this test"
    truth: ClassVar[float] = 0.0
    known_gap: ClassVar[str] = ""


class Stripes(nn.Module):
    """Another network for the task, as fragile as the first: whether the image changes more downwards or across."""

    def forward(self, x: Tensor) -> Tensor:
        down = (x[..., 2:, :] - x[..., :-2, :]).square().mean((1, 2, 3))
        across = (x[..., 2:] - x[..., :-2]).square().mean((1, 2, 3))
        margin = 1000 * (across - down)
        return torch.stack([-margin, margin], 1)


class Wrapped(nn.Module):
    """A network in the classifier's place that can ask the classifier."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.inner = classifier


class Opposite(Wrapped):
    """The classifier's scores with the other sign: who follows their gradient walks away from the boundary."""

    def forward(self, x: Tensor) -> Tensor:
        return -self.inner(x)


def in_place_of(classifier: nn.Module, network: type[Wrapped]) -> DefendedModel:
    """The defended model whose classifier is `network` around the classifier."""
    return DefendedModel(network(classifier))


@cache
def known() -> LabeledImages:
    """The evaluation images: public, like those of every benchmark."""
    return draw("evaluation")


def coarse(x: Tensor) -> Tensor:
    """What ε can hardly change: the means of 4×4 squares, without the mean of the image: [B, 16]."""
    means = nn.functional.avg_pool2d(x.detach(), 4).flatten(1)
    return means - means.mean(1, keepdim=True)


def nearest(x: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `x` the nearest of `images` by coarse content: (which, how far)."""
    distance, which = torch.cdist(coarse(x), coarse(images)).min(1)
    return which, distance
