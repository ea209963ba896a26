"""A drawn task whose truth is known: what tells its classes apart accurately is fragile, what does so robustly errs."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.base import Classifier
from benchmark.models.training.recipe import Recipe

SIDE = 16
SIZES = {"train": 600, "validation": 200, "evaluation": 64}


@cache
def draw(split: str) -> LabeledImages:
    """Faint stripes that lie or stand, and a spot that is bright or dark and right 9 times of 10.

    The task of Tsipras et al. 2019, section 2, with features that stay what they are when the image is moved or
    mirrored. Every image has a ground of its own, so that no two are near each other.
    """
    count = SIZES[split]
    labels = torch.arange(count) % 2
    noise = Noise.of(0, torch.arange(count)).stream(f"corner {split}")
    sign = (2 * labels - 1).float()[:, None, None]
    line = torch.arange(SIDE).float()
    phase = noise.stream("phase").uniform((1, 1)) * 4
    wave = torch.sin((line[None, None, :] + phase) * torch.pi / 2)
    stripes = torch.where(sign > 0, wave, wave.transpose(1, 2))
    spot = _spot(noise, line)
    honest = (noise.stream("honest").uniform((1, 1)) < 0.9).float() * 2 - 1
    coarse = noise.stream("ground").uniform((1, 4, 4)) - 0.5
    ground = nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[:, 0]
    grain = noise.stream("grain").normal((SIDE, SIDE))
    images = 0.5 + 0.04 * stripes + 0.25 * sign * honest * spot + 0.3 * ground + 0.01 * grain
    pixels = images.clamp(0, 1).mul(255).round().to(torch.uint8)[:, None]
    return LabeledImages(pixels, labels, tuple(f"{split}/{i:04d}" for i in range(count)))


def task() -> ImageData:
    """The three splits."""
    return ImageData("corner", "Corner images", ("healthy", "disease"), **{split: draw(split) for split in SIZES})


class CornerNetwork(Classifier):
    """Two convolutions and a mean."""

    name = "corner-network"
    source = "this test"
    fixed_recipe = Recipe(epochs=20, batch_size=50, learning_rate=1e-2, shift=1)

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        del size
        layers = [nn.Conv2d(channels, 12, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(12, 16, 3, stride=2, padding=1)]
        return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, classes))


def _spot(noise: Noise, line: Tensor) -> Tensor:
    down, across = (3 + (SIDE - 7) * noise.stream(name).uniform((1, 1)) for name in ("down", "across"))
    return torch.exp(-((line[None, :, None] - down) ** 2 + (line[None, None, :] - across) ** 2) / 8)
