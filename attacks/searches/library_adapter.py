"""A victim as the torch module that a library's attack expects, with access, passes and verification kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.searches.minimum_norm import NearestImages, look
from attacks.victim import Observation, Victim
from benchmark.core.features import Features
from benchmark.core.noise import Noise


class LibraryFinishedError(Exception):
    """Raised out of a library's loop when there is nothing left to ask."""


class Differentiated(nn.Module):
    """A victim for libraries that differentiate; they must always ask about the whole batch, in its order.

    The gradient is the victim's own (BPDA, EOT, passes counted), whatever the library does with the logits. Every
    image that the library asks about is a candidate, so the nearest adversarial one is kept here and what the library
    returns need not be trusted. An image that is broken is not asked about any more: its logits stay and its gradient
    is zero. Images outside [0, 1], which extrapolating searches ask about, are answered as the nearest one inside.

    Attributes:
        nearest: What has been found.
    """

    def __init__(self, victim: Victim, noise: Noise, stop: Stop, *, confidence: float = 0.0) -> None:
        super().__init__()
        self.anchor = nn.Parameter(victim.ball.center.new_zeros(()), requires_grad=False)
        self.victim = victim
        self.noise = noise
        self.stop = stop
        self.confidence = confidence
        self.nearest = NearestImages(victim.ball)
        self.calls = 0
        self.logits: Tensor | None = None
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] → logits [B, K].

        Raises:
            LibraryFinishedError: All images are broken.
        """
        rows = self.nearest.unfinished(self.stop)
        if not len(rows):
            raise LibraryFinishedError
        noise = self.noise[rows].at(self.calls)
        victim = self.victim[rows]
        asked: Tensor = _Answer.apply(x[rows], victim, noise)  # type: ignore[no-untyped-call]
        seen = Observation(x[rows].detach().clamp(0, 1), asked.detach())
        self.nearest.record(victim, rows, seen, noise, step=self.calls, confidence=self.confidence)
        self.calls += 1
        known = asked.detach().new_zeros(x.shape[0], asked.shape[1]) if self.logits is None else self.logits
        logits = known.index_copy(0, rows, asked)
        self.logits = logits.detach()
        return logits


class _WeightedLogits(Objective):
    """Σ_k v_k z_k for fixed weights v: its gradient is the vector–Jacobian product that backpropagation wants."""

    of_one_batch = True

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        return (self.weights * logits).sum(1)


class _Answer(torch.autograd.Function):
    """The logits that the attacker sees; backwards, the victim's gradient estimate."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, victim: Victim, noise: Noise) -> Tensor:
        ctx.x, ctx.victim, ctx.noise = x.detach().clamp(0, 1), victim, noise
        return look(victim, ctx.x, noise).logits.clone()

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor, None, None]:
        victim: Victim = ctx.victim
        return victim.towards(_WeightedLogits(weights[0])).gradient(ctx.x, ctx.noise), None, None
