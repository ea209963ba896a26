"""Hidden features of many images of a plain classifier."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmark.core.features import Features, recording


def extract(network: nn.Module, batches: Iterator[Tensor]) -> Features:
    """Features of many images, without gradients, gathered on the CPU as float32."""
    layers: list[list[Tensor]] = []
    penultimate: list[Tensor] = []
    with torch.no_grad():
        for images in batches:
            with recording(network) as features:
                network(images)
            layers.append([layer.float().cpu() for layer in features.layers])
            assert features.penultimate is not None
            penultimate.append(features.penultimate.float().cpu())
    return Features([torch.cat(parts) for parts in zip(*layers, strict=True)], torch.cat(penultimate))
