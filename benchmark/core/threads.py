"""How many threads training takes on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_SMALL = 32 * 32


@contextmanager
def training_threads(shape: tuple[int, ...], device: torch.device) -> Iterator[None]:
    """One thread while training on images [C, H, W] of at most 32×32 on a CPU; as many as there are otherwise.

    Batches of so small images are split into parts so small that waking a second thread takes longer than its part:
    training an energy on 28×28 images takes 1.5 times as long on two threads. One thread also makes what is learned
    independent of the number of cores.
    """
    if device.type != "cpu" or shape[1] * shape[2] > _SMALL:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
