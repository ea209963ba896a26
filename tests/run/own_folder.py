"""A user's own folder of images, and own networks for it: dark images are of one class, bright ones of the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

NETWORKS = """
import torch
from torch import nn


class Brightness(nn.Module):
    def __init__(self, slope=20.0, outputs=1):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(float(slope)))
        self.outputs = outputs

    def forward(self, x):
        z = self.slope * (x.mean((1, 2, 3)) - 0.5)
        return z if self.outputs == 1 else torch.stack([-z / 2, z / 2], 1)


def build(slope=20.0, outputs=1):
    return Brightness(slope, outputs)


def loads_its_own():
    network = Brightness()
    network.load_state_dict(torch.load("own.pth"))
    return network.eval()


def sigmoid():
    return nn.Sequential(Brightness(), nn.Sigmoid(), nn.Unflatten(0, (-1, 1)))


class Findings(nn.Module):
    pathologies = ["Edema", "Sick", "Mass"]

    def __init__(self, sigmoid=False):
        super().__init__()
        self.sick = Brightness()
        self.sigmoid = sigmoid

    def forward(self, x):
        z = self.sick(x)
        z = torch.stack([-z, z, 0 * z - 3], 1)
        return z.sigmoid() if self.sigmoid else z
"""

SUITE = """
[data]
name = "image-folder"
path = "{folder}"
size = 16

[classifier]
name = "module"
factory = "own_networks:build"
train = false

[evaluation]
samples = 8

[robustness]
probes = 1
attack.fgsm = {{}}
"""


def draw_folder(folder: Path, *, splits: tuple[str, ...] = ("train", "val", "test"), patients: int = 0) -> None:
    """Twelve images of each class in each split: pixels about 0.35 for "healthy", about 0.65 for "sick"."""
    draws = np.random.default_rng(0)
    for split in splits:
        for name, level in (("healthy", 90), ("sick", 165)):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for number in range(12):
                pixels = np.clip(draws.normal(level, 20, (16, 16)), 0, 255).astype(np.uint8)
                stem = f"p{number % patients:02d}_{number:03d}" if patients else f"{number:03d}"
                Image.fromarray(pixels).save(folder / split / name / f"{stem}.png")
