"""A network that a program hands over, as `benchmark.evaluate` does; never trained here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.models.base import Classifier
from benchmark.models.training.packed import PackedNetwork

_held: dict[str, PackedNetwork] = {}


class Given(Classifier):
    """A network that a program handed to `benchmark.evaluate`, with the weights that it had then; in no suite.

    Every process that needs it makes one of its own from the copy that was taken when it was handed over. It is never
    trained and gets pixels in [0, 1].

    Args:
        digest: Hash of the copy.
    """

    name = "given"
    source = "the user's own"

    def __init__(self, *, digest: Annotated[str, Free("the hash of a network that a program holds")]) -> None:
        self.digest = digest

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        """A network of its own; raises UserError where no program holds one of this hash."""
        del channels, classes, size
        return self._packed().network()

    @property
    def trains(self) -> bool:
        """Never."""
        return False

    def normalization(self, train: LabeledImages) -> tuple[Tensor, Tensor]:
        """None: the network's own is inside it."""
        channels = train.shape[0]
        return torch.zeros(channels), torch.ones(channels)

    def hand_over(self, folder: Path) -> None:
        """Write the copy."""
        self._packed().write(folder)

    def take_over(self, folder: Path) -> None:
        """Hold the copy."""
        _held[self.digest] = PackedNetwork.read(folder)

    def _packed(self) -> PackedNetwork:
        if self.digest not in _held:
            raise UserError(
                f"no program holds a network {self.digest!r}",
                where="classifier 'given'",
                remedy='call benchmark.evaluate with the network, or use the classifier "module" in a suite',
            )
        return _held[self.digest]


@contextmanager
def held(network: nn.Module) -> Iterator[Given]:
    """The classifier that stands for a network; within the block it can be built.

    Raises:
        UserError: The network cannot be copied.
    """
    packed = PackedNetwork.of(network)
    digest = packed.digest()
    _held[digest] = packed
    try:
        yield Given(digest=digest)
    finally:
        _held.pop(digest, None)
