"""A drawn chest radiograph, for when no real one can be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.datasets.base import Dataset, whole_number
from benchmark.datasets.drawing.chest import draw_chests
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.root import data_root

_SHARES = {"train": 0.7, "validation": 0.1, "evaluation": 0.2}
_PIXELS_AT_ONCE = 2**18
MOST_PIXELS = 2**31
"""Of all images together, a byte each."""


class ChestPhantom(Dataset):
    """Drawn chest radiographs: healthy, or with one to three opacities in the lungs (see `chest_drawing`).

    Every image depends on its number alone. 70 % are for training, 10 % for validation, 20 % for evaluation. The
    images show that the machinery works; they say nothing about patients.

    Args:
        size: Height and width, 16 to 512; the same anatomy is drawn at every size.
        count: Number of images in all splits together.
    """

    name = "chest-phantom"
    source = "drawn by this project"
    phantom = True
    positive_class = "opacity"

    def __init__(
        self,
        *,
        size: Annotated[int, Interval(ge=16, le=512)] = 28,
        count: Annotated[int, Interval(ge=100, le=1_000_000)] = 5000,
    ) -> None:
        self.size = size
        self.count = count

    def check_settings(self) -> None:
        """Raise UserError for more pixels than fit into memory together."""
        if self.count * self.size**2 > MOST_PIXELS:
            raise UserError(
                f"{self.count:,} images of {self.size}×{self.size} are more than {MOST_PIXELS:,} pixels",
                where=f"dataset {self.name}",
                remedy="lower count or size",
            )

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, 1, size, size] with two classes, drawn anew each time; `root` and `download` do not matter."""
        del root, download
        where = f"dataset {self.name}"
        size = whole_number(self.size, name="size", low=16, high=512, where=where)
        count = whole_number(self.count, name="count", low=100, high=1_000_000, where=where)
        pixels, labels = draw(torch.arange(count), size)
        splits, start = {}, 0
        for name, share in _SHARES.items():
            stop = count if name == "evaluation" else start + round(share * count)
            ids = tuple(f"{name}/{number:05d}" for number in range(stop - start))
            splits[name] = LabeledImages(pixels[start:stop], labels[start:stop], ids)
            start = stop
        return assemble(
            self,
            title=f"Chest phantom {size}×{size} (drawn, not real)",
            classes=("healthy", self.positive_class),
            notes=["phantom: the images are drawn by a program and say nothing about patients"],
            where=where,
            **splits,
        )

    def where(self, *, root: Path) -> str:
        """Nothing."""
        del root
        return "nothing to put anywhere: it is drawn when it is needed"

    def locate(self, *, root: Path) -> Path:
        """The data root: there is nothing to find."""
        return data_root(root)


def draw(numbers: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The phantoms of these numbers: pixels uint8 [N, 1, size, size] and labels int64 [N] (1 = opacity)."""
    pixels = torch.empty(len(numbers), 1, size, size, dtype=torch.uint8)
    labels = torch.empty(len(numbers), dtype=torch.int64)
    batch = max(1, _PIXELS_AT_ONCE // size**2)
    with _one_thread():
        for start in range(0, len(numbers), batch):
            rows = slice(start, start + batch)
            images, diseased = draw_chests(numbers[rows], size)
            pixels[rows, 0] = images.mul(255).round().to(torch.uint8)
            labels[rows] = diseased.long()
    return pixels, labels


@contextmanager
def _one_thread() -> Iterator[None]:
    # Thousands of short operations: where other programs are busy, threads wait for each other longer than they work.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
