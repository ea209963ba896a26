"""Langevin dynamics as a chain to differentiate through."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.core.noise import Noise
from defenses.chains.chain import Chain
from defenses.energy.langevin import Energy, drift, langevin_chain, langevin_step


@dataclass(frozen=True, kw_only=True)
class LangevinChain(Chain):
    """The steps of `langevin_chain`.

    Noise is added, so a vector g at the end of a step is g − (∂ drift / ∂x)ᵀ g at its start, and going back needs the
    states alone (Du et al. 2026, MEFA).

    Attributes:
        energy, noise, step, temperature: As in `langevin_chain`.
    """

    energy: Energy
    noise: Noise
    step: float
    temperature: float

    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        del image
        z = self.noise.at(k).normal(state.shape[1:], dtype=state.dtype)
        return langevin_step(self.energy, state, self.step, self.temperature, z)

    def pull_back(self, k: int, state: Tensor, image: Tensor | None, upstream: Tensor) -> tuple[Tensor, None]:
        del k, image
        with torch.enable_grad():
            start = state.detach().requires_grad_(True)
            moved = drift(self.energy, start, self.step, self.temperature)
            # A piecewise linear energy has no curvature, and autograd then finds no path back.
            (product,) = torch.autograd.grad(moved, start, upstream, allow_unused=True)
        return (upstream if product is None else upstream - product), None

    def check(self, state: Tensor) -> None:
        # A chain of no steps is its state, looked at.
        langevin_chain(self.energy, state, self.noise, steps=0, step=self.step, temperature=self.temperature)
