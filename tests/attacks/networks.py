"""Networks to attack, and what they decide."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.frozen import frozen


def small_network(channels: int = 1, classes: int = 2, size: tuple[int, int] = (12, 12), seed: int = 0) -> nn.Module:
    """An untrained convolutional network with ordinary curvature; its decisions are what it is attacked on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with torch.no_grad():
            width = nn.Sequential(nn.Conv2d(channels, 8, 3, 2), nn.Conv2d(8, 8, 3, 2), nn.Flatten())(
                torch.zeros(1, channels, *size)
            ).shape[1]
        network = nn.Sequential(
            nn.Conv2d(channels, 8, 3, 2),
            nn.SiLU(),
            nn.Conv2d(8, 8, 3, 2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(width, classes),
        )
    return network.eval()


class Linear(nn.Module):
    """Logits [0, w·x + b]: every attack's best answer is known in closed form."""

    def __init__(self, weight: Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        z = (x * self.weight).flatten(1).sum(1) + self.bias
        return torch.stack([torch.zeros_like(z), z], dim=1)


def decisions(network: nn.Module, x: Tensor) -> Tensor:
    with frozen(network), torch.no_grad():
        return network(x).argmax(1)
