"""Images whose class is told by a few bright pixels or by many faint ones, which a small perturbation reverses."""

from __future__ import annotations

import torch
from torch import nn

from benchmark.core.images import LabeledImages
from benchmark.models.training.deployed import DeployedClassifier
from defenses.base import FitData

CPU = torch.device("cpu")
EPSILON = 8 / 255


def silent(_share, _text):
    pass


def robust_and_brittle(count: int, *, seed: int, classes: int = 2) -> LabeledImages:
    """Each class lights one of three blocks strongly (in nine images of ten), and all other pixels very weakly.

    The weak pixels together tell the class almost surely, but a perturbation of 8/255 reverses them; the setting of
    Tsipras et al. 2019, section 2.1.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    lit = torch.where(torch.rand(count, generator=generator) < 0.9, labels, (labels + 1) % classes)
    pixels = 128 + 12 * torch.randn(count, 1, 16, 16, generator=generator)
    signs = (torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(99)) < 0.5).float() * 2 - 1
    pixels[:, 0, 4:] += 4 * signs[labels, 4:]
    for k in range(classes):
        pixels[lit == k, 0, :4, 5 * k : 5 * k + 4] += 50
    return LabeledImages(pixels.clamp(0, 255).to(torch.uint8), labels, tuple(f"{seed}-{i}" for i in range(count)))


def linear(classes: int = 2) -> DeployedClassifier:
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, classes))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    return DeployedClassifier(network, channels=1, classes=classes, mean=torch.tensor([0.5]), std=torch.tensor([0.1]))


def worst_case_accuracy(model: DeployedClassifier, data: LabeledImages) -> float:
    """Exact for a linear two-class model: a margin falls by at most ε times the L1 norm of its gradient."""
    weight = model.network[1].weight.detach() / model.std.item()
    logits = model(data.floats()).detach()
    margin = (logits[:, 1] - logits[:, 0]) * (2 * data.labels - 1)
    return (margin > EPSILON * (weight[1] - weight[0]).abs().sum()).double().mean().item()


def fit_data(*, classes: int = 2, seed: int = 0) -> FitData:
    train, validation = (robust_and_brittle(n, seed=s, classes=classes) for n, s in ((600, 0), (200, 1)))
    return FitData(train, validation, classes, seed, CPU, silent)
