"""Cooperative learning: a generator proposes where chains start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.energy.negatives.base import Forgetful

_LATENT = 64
_WIDTH = 16
_RATE = 1e-3


class Generator(nn.Module):
    """Latent vectors [B, 64] → images [B, C, H, W] in [−1, 1]: a coarse grid, made finer twice.

    Args:
        shape: (channels, height, width).
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        rows, columns = -(-self.height // 4), -(-self.width // 4)
        self.layers = nn.Sequential(
            nn.Linear(_LATENT, 4 * _WIDTH * rows * columns),
            nn.Unflatten(1, (4 * _WIDTH, rows, columns)),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4 * _WIDTH, 2 * _WIDTH, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * _WIDTH, channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """The images."""
        images: Tensor = self.layers(z)
        return images[..., : self.height, : self.width]


class Cooperative(Forgetful):
    """A generator proposes, the energy's chains refine, and the generator learns to propose what came of it.

    The generator takes one step of Adam an update on the mean squared difference of what it proposed and what the
    chains made of it, at the same latent vectors (Xie et al. 2018, Cooperative training of descriptor and generator
    networks, algorithm 1, with the proposal's own vectors in place of inferred ones).

    Args:
        shape: Of an image.
        seed: Of the generator's first weights.
        device: Where it lives.
    """

    def __init__(self, shape: tuple[int, int, int], *, seed: int, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(shape).to(device)
        self._optimizer = torch.optim.Adam(self.generator.parameters(), lr=_RATE)

    def start(self, images: Tensor, noise: Noise) -> Tensor:
        del images
        self._proposed = self.generator(noise.normal((_LATENT,)))
        return self._proposed.detach()

    def settle(self, states: Tensor) -> None:
        super().settle(states)
        self._optimizer.zero_grad()
        (self._proposed - states).square().mean().backward()
        self._optimizer.step()
