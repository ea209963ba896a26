"""Descent over a sampler's latent towards an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from defenses.chains.chain import Chain


@dataclass(frozen=True, kw_only=True)
class Descent(Chain):
    """z ← z − η ∇ ‖x̂ − M(z)‖², brought back to [−1, 1], x̂ the image that every step is conditioned on.

    Outside [−1, 1] no chain started in training: M knows nothing there, and diverges where the descent goes far.

    Attributes:
        sampler: M as a chain from z, its noise fixed.
        rate: η. Where M moves images and does not bend them, 1/2 arrives in one step.
    """

    sampler: Chain
    rate: float

    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        del k
        assert image is not None
        recorded = torch.is_grad_enabled() and (state.requires_grad or image.requires_grad)
        with torch.enable_grad():
            start = state if state.requires_grad and recorded else state.detach().requires_grad_(True)
            end = start
            for step in range(self.sampler.steps):
                end = self.sampler.advance(step, end, None)
            distance = (image - end).square().sum()
            (slope,) = torch.autograd.grad(distance, start, create_graph=recorded)
        return (state - self.rate * slope).clamp(-1, 1)
