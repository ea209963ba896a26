"""Somebody else's network as what finds the noise in an image."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError, in_words
from benchmark.models.training.weights import fill
from defenses.pretrained.configs import NetworkConfig


class FoundNoise(nn.Module):
    """√ᾱ x₀ + s z, z standard normal and s = √(1 − ᾱ) → an estimate of s z.

    Args:
        network: (images [B, C, H, W], timestep) → an object whose `sample` [B, C, H, W] is what it was trained to find.
        kept: ᾱ at times 0 to T, falling from 1.
        prediction: What that is: the noise z (`epsilon`), the image x₀ (`sample`), or √ᾱ z − s x₀ (`v_prediction`).
    """

    def __init__(self, network: nn.Module, kept: Sequence[float], prediction: str) -> None:
        super().__init__()
        self.network = network
        self.kept = kept
        self.levels = [math.sqrt(1 - share) for share in kept]
        self.prediction = prediction

    def forward(self, x: Tensor, level: float) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; `level` is s of one of the times 1 to T."""
        time = bisect_left(self.levels, level, lo=1, hi=len(self.levels) - 1)
        found: Tensor = self.network(x, time - 1).sample
        return noise_in(x, found, self.kept[time], self.prediction)


def noise_in(x: Tensor, found: Tensor, kept: float, prediction: str) -> Tensor:
    """The s z of x = √ᾱ x₀ + s z, where `found` is what `prediction` says, ᾱ is `kept` and s² = 1 − ᾱ.

    v is that of Salimans and Ho 2022, Progressive distillation, appendix D.
    """
    level = math.sqrt(1 - kept)
    if prediction == "epsilon":
        return level * found
    if prediction == "sample":
        return x - math.sqrt(kept) * found
    return level * (math.sqrt(kept) * found + level * x)


def build(config: NetworkConfig, weights: Mapping[str, Tensor], *, where: str) -> nn.Module:
    """The network with its weights, in eval mode, frozen.

    Raises:
        UserError: The library cannot build it, or the weights are of another one.
    """
    from diffusers import UNet2DModel

    try:
        # Without memory of its own until the weights are known to be of its size.
        with torch.device("meta"):
            network: Any = UNet2DModel(**config.arguments())
    except Exception as error:
        raise UserError(
            f"diffusers cannot build the network ({in_words(error)})", where=where, remedy="give another model"
        ) from error
    wanted, given = (sum(t.numel() for t in tensors.values()) for tensors in (network.state_dict(), weights))
    if wanted > given:
        raise UserError(
            f"the network has {wanted:,} weights, and the file {given:,}", where=where, remedy="give another model"
        )
    network.to_empty(device="cpu")
    fill(network, weights, where=where)
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen
