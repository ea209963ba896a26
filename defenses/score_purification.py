"""Purification along a learned score."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, BatchRows, Deviation, Rate
from defenses.base import Passes
from defenses.denoising.defense import DenoisingPurifier
from defenses.denoising.network import NoiseNetwork
from defenses.denoising.training import DenoisingRecipe
from defenses.score.steps import ScoreChain


class ScorePurification(DenoisingPurifier):
    """Adversarial purification with a score: noise drowns the perturbation, a few steps along the score take it off.

    A network learns by denoising score matching, from the training images without their labels, which noise of any
    of `levels` standard deviations an image has. At inference x + σ z, z standard normal, follows

        x ← x − α n(x), n(x) the noise found,

    for at most ten steps and without noise of their own; it is clipped to [0, 1] and classified. Logits are averaged
    over `votes` draws of z. `purify` gives no autograd graph: attacks use BPDA or, stronger, the exact gradient, which
    runs back through the steps' states (`defenses.chains`).

    Args:
        sigma: σ of the noise that an image is given, on pixels in [0, 1].
        steps: Steps along the score.
        rate: α of a step, as a share of the noise found; with `adaptive` λ, which is divided by the curvature of the
            log density along the step.
        adaptive: Whether each image's α is found anew at each step, for another pass through the network.
        lowest, highest: Least and greatest standard deviation in training. `highest` should not be below `sigma`.
        levels: Standard deviations in training, in equal ratios from `lowest` to `highest`.
        width: Channels of the network's upper grid.
        iterations, batch_size, learning_rate: Updates by Adam; see `DenoisingRecipe`.
        votes: Draws that one decision averages over.
    """

    name = "score-purification"
    source = "Yoon, Hwang, Lee 2021, Adversarial purification with score-based generative models, section 3"
    conditional = False
    not_fitted = frozenset({"sigma", "steps", "rate", "adaptive", "votes"})

    def __init__(
        self,
        *,
        sigma: Deviation = 0.25,
        steps: Annotated[int, Interval(ge=1, le=10)] = 5,
        rate: Annotated[float, Interval(ge=1e-6, le=2)] = 0.5,
        adaptive: bool = False,
        lowest: Deviation = 0.02,
        highest: Deviation = 0.3,
        levels: Annotated[int, Interval(ge=1, le=1000)] = 10,
        width: Annotated[int, Interval(ge=1, le=512)] = 24,
        iterations: Annotated[int, Interval(ge=1, le=10**7)] = 1000,
        batch_size: BatchRows = 32,
        learning_rate: Rate = 2e-3,
        votes: AtOnce = 8,
    ) -> None:
        self.sigma = sigma
        self.steps = steps
        self.rate = rate
        self.adaptive = adaptive
        self.lowest = lowest
        self.highest = highest
        self.levels = levels
        self.width = width
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.votes = votes

    @property
    def purify_passes(self) -> Passes:
        return Passes(forwards=self.steps * (2 if self.adaptive else 1))

    def recipe(self) -> DenoisingRecipe:
        ratios = torch.linspace(0, 1, self.levels)
        return DenoisingRecipe(
            signal=torch.ones(self.levels),
            level=self.highest * (self.lowest / self.highest) ** ratios,
            low=0,
            high=1,
            iterations=self.iterations,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )

    def chain(self, network: NoiseNetwork, noise: Noise) -> ScoreChain:
        del noise
        return ScoreChain(steps=self.steps, network=network, rate=self.rate, adaptive=self.adaptive)

    def start(self, x: Tensor, noise: Noise) -> Tensor:
        return x + self.sigma * noise.stream("injection").normal(x.shape[1:], dtype=x.dtype)

    def end(self, state: Tensor) -> Tensor:
        return state.clamp(0, 1)

    def check_settings(self) -> None:
        if self.lowest > self.highest:
            raise UserError(
                f"the lowest level of noise, {self.lowest}, is above the highest, {self.highest}",
                where=f"defense {self.name!r}",
                remedy="exchange them",
            )
