"""Purification by a diffusion model."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, BatchRows, Rate, Share
from defenses.base import Passes
from defenses.denoising.defense import DenoisingPurifier
from defenses.denoising.network import NoiseNetwork
from defenses.denoising.training import DenoisingRecipe
from defenses.diffusion.ends import noised, pixels
from defenses.diffusion.schedule import TIMES, kept, reverse_times
from defenses.diffusion.steps import ReverseDiffusion


class DiffusionPurification(DenoisingPurifier):
    """Diffusion purification: noise is added up to a time t*, and a diffusion model's reverse steps take it off again.

    A small DDPM learns from the training images without their labels, at the times up to t* alone, since no other is
    ever asked for. At inference an image on the scale [−1, 1] becomes √ᾱ x + √(1 − ᾱ) z, z standard normal, with ᾱ
    that of t*, and goes back to time 0 in `steps` steps; it is clipped and classified. Logits are averaged over `votes`
    draws. `purify` gives no autograd graph: attacks use BPDA or, stronger, the exact gradient, which runs back
    through the steps' states (`defenses.chains`) and is no adjoint of a continuous equation.

    Args:
        time: t*, of 1000 times. At 50 √(1 − ᾱ) / √ᾱ is 0.17, as σ = 0.09 on pixels in [0, 1]; at 100, which Nie et al.
            take for CIFAR-10, 0.34. Images of 28×28 keep their class up to about 50.
        steps: Reverse steps, at most one per time.
        eta: η: 1 are the steps of DDPM, which draw noise of their own; 0 those of DDIM, which do not.
        width: Channels of the network's upper grid.
        iterations, batch_size, learning_rate: Updates by Adam; see `DenoisingRecipe`.
        votes: Draws that one decision averages over.
    """

    name = "diffusion-purification"
    source = (
        "Nie et al. 2022, Diffusion models for adversarial purification, section 3; model of Ho et al. 2020, "
        "Denoising diffusion probabilistic models, eq. 14"
    )
    conditional = True
    not_fitted = frozenset({"steps", "eta", "votes"})

    def __init__(
        self,
        *,
        time: Annotated[int, Interval(ge=1, le=TIMES)] = 50,
        steps: Annotated[int, Interval(ge=1, le=TIMES)] = 10,
        eta: Share = 1.0,
        width: Annotated[int, Interval(ge=1, le=512)] = 24,
        iterations: Annotated[int, Interval(ge=1, le=10**7)] = 1000,
        batch_size: BatchRows = 32,
        learning_rate: Rate = 2e-3,
        votes: AtOnce = 8,
    ) -> None:
        self.time = time
        self.steps = steps
        self.eta = eta
        self.width = width
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.votes = votes

    @property
    def purify_passes(self) -> Passes:
        return Passes(forwards=self.steps)

    def recipe(self) -> DenoisingRecipe:
        share = kept(torch.arange(1, self.time + 1))
        return DenoisingRecipe(
            signal=share.sqrt().float(),
            level=(1 - share).sqrt().float(),
            low=-1,
            high=1,
            iterations=self.iterations,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )

    def chain(self, network: NoiseNetwork, noise: Noise) -> ReverseDiffusion:
        return ReverseDiffusion(
            steps=self.steps,
            network=network,
            kept=tuple(kept(torch.tensor(reverse_times(self.time, self.steps))).tolist()),
            eta=self.eta,
            noise=noise.stream("reverse"),
        )

    def start(self, x: Tensor, noise: Noise) -> Tensor:
        return noised(x, float(kept(torch.tensor(self.time))), noise)

    def end(self, state: Tensor) -> Tensor:
        return pixels(state)

    def check_settings(self) -> None:
        if self.steps > self.time:
            raise UserError(
                f"{self.steps} steps do not fit into {self.time} times",
                where=f"defense {self.name!r}",
                remedy="give at most one step per time",
            )
