"""Real data where they are at hand, and writers of tiny files in the same layouts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def real_root() -> Path:
    folder = os.environ.get("MEDROBUST_DATA")
    if not folder:
        pytest.skip("MEDROBUST_DATA is not set, so there are no real images to read")
    return Path(folder)


@pytest.fixture
def arrays() -> Callable[..., Arrays]:
    """The six arrays of a MedMNIST file with random pixels and every class in every split."""

    def make(count: int = 12, *, size: int = 28, channels: int = 1, classes: int = 2) -> Arrays:
        generator = np.random.default_rng(0)
        shape = (count, size, size) if channels == 1 else (count, size, size, channels)
        made: Arrays = {}
        for split in ("train", "val", "test"):
            made[f"{split}_images"] = generator.integers(0, 256, shape, dtype=np.uint8)
            made[f"{split}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
        return made

    return make


@pytest.fixture
def draw_image() -> Callable[..., Path]:
    """Write a small image whose pixels follow from `seed`; the suffix decides the format."""

    def draw(path: Path, seed: int, *, size: tuple[int, int] = (20, 16), mode: str = "L") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = size
        shape = (height, width) if mode == "L" else (height, width, 3)
        pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return draw
