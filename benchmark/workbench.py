"""What a step works with: the images, the store, the device and the display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

from benchmark.batching import BatchSize
from benchmark.images import ImageData
from benchmark.progress import Progress
from benchmark.store import Store

T = TypeVar("T")


class Workbench:
    """Handed to every step.

    Args:
        data: The images.
        store: Where finished steps are.
        device: Where to compute.
        batch_size: How many images at a time.
        progress: The display.
    """

    def __init__(
        self, *, data: ImageData, store: Store, device: torch.device, batch_size: BatchSize, progress: Progress
    ) -> None:
        self.data = data
        self.store = store
        self.device = device
        self.batch_size = batch_size
        self.progress = progress
        self._kept: dict[str, Any] = {}

    def keep(self, key: str, make: Callable[[], T]) -> T:
        """`make()`, or what it gave when last asked for `key`; a few results are kept in memory."""
        if key not in self._kept:
            if len(self._kept) >= 4:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = make()
        return cast(T, self._kept[key])
