"""Drawn and real images to train on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from benchmark.core.images import LabeledImages


@pytest.fixture(scope="session")
def stripes():
    """A drawer of images: class k has horizontal stripes of period 2 + 2k under strong noise."""

    def draw(*counts: int, seed: int, size: int = 16, contrast: float = 60.0) -> LabeledImages:
        generator = torch.Generator().manual_seed(seed)
        labels = torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])
        labels = labels[torch.randperm(len(labels), generator=generator)]
        row = torch.arange(size)[None, :, None].float()
        period = (2 + 2 * labels)[:, None, None].float()
        pattern = torch.sin(2 * torch.pi * (row + 0.25) / period).expand(-1, size, size)
        noise = torch.randn(len(labels), size, size, generator=generator) * 40
        pixels = (128 + contrast * pattern + noise).clamp(0, 255).to(torch.uint8)[:, None]
        return LabeledImages(pixels, labels, tuple(f"{seed}-{i}" for i in range(len(labels))))

    return draw


@pytest.fixture(scope="session")
def pneumonia():
    """A reader of the real PneumoniaMNIST splits "train", "val" and "test"; skips where they are absent."""
    root = os.environ.get("MEDROBUST_DATA")
    if not root or not (Path(root) / "pneumoniamnist.npz").is_file():
        pytest.skip("needs pneumoniamnist.npz under MEDROBUST_DATA")
    import numpy as np

    def read(split: str) -> LabeledImages:
        with np.load(Path(root) / "pneumoniamnist.npz") as arrays:
            pixels = torch.from_numpy(arrays[f"{split}_images"])[:, None]
            labels = torch.from_numpy(arrays[f"{split}_labels"]).flatten().long()
        return LabeledImages(pixels, labels, tuple(f"{split}-{i}" for i in range(len(labels))))

    return read
