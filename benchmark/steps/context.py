"""What a step works with: the images, the store, the device and the display."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor, nn

from benchmark.core.batching import BatchSize
from benchmark.core.images import ImageData
from benchmark.verdicts.surroundings import Surroundings

if TYPE_CHECKING:
    # No number depends on how it is shown or where it is kept.
    from benchmark.core.progress import Progress
    from benchmark.records.store import Store

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)


def fingerprint(network: nn.Module) -> str:
    """Hash of every parameter and buffer of a network, with their names."""
    return content_of(network.state_dict())


def content_of(tensors: Mapping[str, Tensor]) -> str:
    """Hash of tensors, with their names."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in tensors.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class StepContext:
    """Handed to every step.

    Args:
        data: The images.
        store: Where finished steps are.
        device: Where to compute.
        batch_size: How many images at a time.
        progress: The display.

    Attributes:
        surroundings: What the processes that give the verdicts take over from this run.
        apart: Whether this is the context of a process that runs steps and is not the run's own.
        contents: What `FitStep.content` gave, by the step's key.
    """

    def __init__(
        self, *, data: ImageData, store: Store, device: torch.device, batch_size: BatchSize, progress: Progress
    ) -> None:
        self.data = data
        self.store = store
        self.device = device
        self.batch_size = batch_size
        self.progress = progress
        self.surroundings = Surroundings.of(device)
        self.apart = False
        self.contents: dict[str, str] = {}
        self._kept: dict[str, Any] = {}
        self._lent: dict[str, tuple[str, str]] = {}

    def keep(self, key: str, make: Callable[[], T]) -> T:
        """`make()`, or what it gave when last asked for `key`; a few results are kept in memory."""
        if key not in self._kept:
            if len(self._kept) >= 4:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = make()
        return cast(T, self._kept[key])

    def lend(self, key: str, label: str, make: Callable[[], M]) -> M:
        """`keep` for a network that plug-ins are handed and must leave as it is; `label` is for messages."""

        def made() -> M:
            network = make()
            self._lent[key] = (label, fingerprint(network))
            return network

        return self.keep(key, made)

    def take_back(self) -> list[str]:
        """Labels of the lent networks whose weights were changed; these are forgotten, so that nobody meets them."""
        changed = [
            key
            for key, (_, before) in self._lent.items()
            if key in self._kept and fingerprint(self._kept[key]) != before
        ]
        for key in changed:
            del self._kept[key]
        return [self._lent.pop(key)[0] for key in changed]
