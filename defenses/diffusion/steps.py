"""Reverse steps of a diffusion model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from benchmark.core.noise import Noise
from defenses.chains.chain import Chain
from defenses.denoising.network import NoiseNetwork


@dataclass(frozen=True, kw_only=True)
class ReverseDiffusion(Chain):
    """From one time to an earlier one (Song et al. 2021, Denoising diffusion implicit models, eq. 12 and 16).

        x ← √ᾱ′ x₀ + √(1 − ᾱ′ − σ²) e + σ z,  e = n(x) / √(1 − ᾱ),  x₀ = (x − n(x)) / √ᾱ,

    with σ = η √((1 − ᾱ′) / (1 − ᾱ)) √(1 − ᾱ / ᾱ′). η = 1 are the ancestral steps of DDPM, η = 0 draw nothing.

    Attributes:
        network: Conditional; finds n, the noise of standard deviation √(1 − ᾱ).
        kept: ᾱ before the first step and after each: `steps` + 1 numbers that grow, the last at most 1.
        eta: η, in [0, 1].
        noise: Draws z of step k at k.
    """

    network: NoiseNetwork
    kept: tuple[float, ...]
    eta: float
    noise: Noise

    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        del image
        before, after = self.kept[k], self.kept[k + 1]
        level = math.sqrt(1 - before)
        found = self.network(state, level)
        clean = (state - found) / math.sqrt(before)
        drawn = self.eta * math.sqrt((1 - after) / (1 - before) * (1 - before / after))
        state = math.sqrt(after) * clean + math.sqrt(max(0.0, 1 - after - drawn**2)) / level * found
        if drawn == 0:
            return state
        return state + drawn * self.noise.at(k).normal(state.shape[1:], dtype=state.dtype)
