"""Defenses that answer by the time, or by the process that they are in."""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Opposite, Stripes, Wrapped, in_place_of


class ByTheClock(Control):
    """Adds noise drawn by the time of day."""

    name = "by-the-clock"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            generator = torch.Generator().manual_seed(time.time_ns() % 2**31)
            return (x + 0.06 * torch.randn(x.shape, generator=generator)).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class ChangesOverTime(Control):
    """Another network answers every other tenth of a second."""

    name = "changes-over-time"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Alternating)


class _Alternating(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Stripes()

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if int(time.monotonic() * 10) % 2 else self.inner)(x)


class AtHomeInTheHarness(Control):
    """Another network answers in the process that plans and attacks."""

    name = "by-the-process"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _AtHome)


class _AtHome(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Opposite(classifier)

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if "benchmark.planning.planner" in sys.modules else self.inner)(x)


class ByTheCaller(Control):
    """Another network answers the attacks, which it knows by the frames that called it."""

    name = "by-the-caller"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Called)


class _Called(_AtHome):
    def forward(self, x: Tensor) -> Tensor:
        return (self.other if _called_from("attacks") else self.inner)(x)


class ByTheFlag(Control):
    """Is honest to the flags and to the verdict, and gives the attacks another network's answer."""

    name = "honest-to-the-flags"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Inspected)


class _Inspected(_AtHome):
    def forward(self, x: Tensor) -> Tensor:
        return (self.inner if not _called_from("attacks") or _called_from("evaluation") else self.other)(x)


class LiesToAttacksAboutSome(Control):
    """Hands attacks, and not flags, another gradient for two of five images."""

    name = "lies-to-attacks-about-some"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _LyingToSome)


class _LyingToSome(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad and _called_from("attacks") and not _called_from("evaluation"):
            quarters = nn.functional.avg_pool2d(x.detach(), 8).flatten(1)
            chosen = (quarters[:, 0] - quarters[:, 3] > 0.03)[:, None, None, None]
            x = x.view_as(x)
            x.register_hook(lambda gradient: torch.where(chosen, gradient.transpose(2, 3), gradient))
        return self.inner(x)


def _called_from(folder: str) -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if f"/{folder}/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
