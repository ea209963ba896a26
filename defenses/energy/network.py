"""Energy networks: images to one number each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.defended import CPU_ROWS
from benchmark.core.errors import UserError, did_you_mean
from defenses.energy.activation import make_activation
from defenses.energy.residual import residual_layers

LAST_GRID = 4
"""Strided layers follow one another until the smaller side of the grid is at most this."""
ARCHITECTURES = ("vanilla", "lite", "residual")
_CACHED = 1_600_000
"""Numbers of a layer's output that are at hand for the next layer: 6 MB, measured on CPUs of 2 cores."""


class EnergyNetwork(nn.Module):
    """F: images [B, C, H, W] in [−1, 1] → energies [B]; lower is more like the training images.

    No normalisation layer, so that an image's energy does not depend on its batch.

    - "vanilla" (Hill et al. 2021; Nijkamp et al. 2020): one 3×3 convolution at full size, then 4×4 convolutions of
      stride 2 with twice the features each (up to 8 ×), then one filter over the whole remaining grid.
    - "lite": the same without the full-size layer and up to 4 × the features. At 28×28 with 16 features it has 42
      thousand parameters and takes a tenth of the time of the usual vanilla network of 32.
    - "residual" (Hill et al. 2022): the residual discriminator of Miyato et al. 2018 with as many features in every
      block, without spectral norm, and a mean over the last grid.

    Args:
        architecture: One of `ARCHITECTURES`.
        shape: (channels, height, width), larger than 4×4.
        features: Channels of the first layer.
        activation: "soft-leaky-relu" or "leaky-relu".
        pull: Stiffness of a quadratic well around 0 that is added: ½ · pull · ‖x‖². Far from all images a network of
            these activations is linear, so that the well has the last word there, and no chain leaves for good (Hill
            et al. 2022 add one for chains of any length).

    Raises:
        UserError: Unknown architecture or activation, or an image too small.
    """

    def __init__(
        self,
        *,
        architecture: str,
        shape: tuple[int, int, int],
        features: int,
        activation: str,
        pull: float = 0.0,
    ) -> None:
        super().__init__()
        self.pull = pull
        self.largest = features * shape[1] * shape[2] // (4 if architecture == "lite" else 1)
        if architecture not in ARCHITECTURES:
            raise UserError(
                f"unknown energy network {architecture!r}",
                where="energy network",
                remedy=did_you_mean(architecture, list(ARCHITECTURES)),
            )
        channels, height, width = shape
        if min(height, width) <= LAST_GRID:
            raise UserError(
                f"images of {height}×{width} are too small for an energy network",
                where="energy network",
                remedy=f"use images larger than {LAST_GRID}×{LAST_GRID}",
            )
        layers = (
            residual_layers(channels, features, (height, width), activation)
            if architecture == "residual"
            else _strided_layers(shape, features, activation, full_size=architecture == "vanilla")
        )
        self.layers = nn.Sequential(*layers)
        # A third faster on the CPU, and the layout that tensor cores want.
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)

    @property
    def cpu_rows(self) -> int:
        """Images at a time at which a CPU is fastest: as many as the largest layer's output fits the cache with."""
        return min(CPU_ROWS, max(64, 8 * (_CACHED // self.largest // 8)))

    def forward(self, x: Tensor) -> Tensor:
        """Energies [B] of images [B, C, H, W]."""
        energy: Tensor = self.layers(x).flatten()
        return energy + self.pull / 2 * x.square().flatten(1).sum(1) if self.pull else energy


def _strided_layers(shape: tuple[int, int, int], features: int, activation: str, *, full_size: bool) -> list[nn.Module]:
    before, height, width = shape
    after, largest = features, 8 if full_size else 4
    layers: list[nn.Module] = []
    if full_size:
        layers += [nn.Conv2d(before, after, 3, padding=1), make_activation(activation)]
        before, after = after, 2 * after
    while min(height, width) > LAST_GRID:
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), make_activation(activation)]
        before, after = after, min(2 * after, largest * features)
        height, width = height // 2, width // 2
    return [*layers, nn.Conv2d(before, 1, (height, width))]
