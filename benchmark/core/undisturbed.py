"""Putting back what a plug-in may have changed for everyone: settings of this process, and the images in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch

from benchmark.core.images import ImageData


@contextmanager
def process_settings_kept() -> Iterator[None]:
    """Within the block torch's and numpy's global settings and the working directory may change; not after it."""
    device, dtype = torch.get_default_device(), torch.get_default_dtype()
    gradients, threads = torch.is_grad_enabled(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    errors, folder = np.geterr(), os.getcwd()
    try:
        yield
    finally:
        torch.set_default_device(device if device.type != "cpu" else None)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        # Setting it, even to what it is, imports torch's compiler, which takes a second in every process.
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        np.seterr(**errors)
        with suppress(OSError):
            os.chdir(folder)


class PristineImages:
    """A copy of the images, by which a change to those that everyone works with is found and undone.

    Args:
        data: The images that steps work with.
    """

    def __init__(self, data: ImageData) -> None:
        splits = (data.train, data.validation, data.evaluation)
        self._pairs = [(own, own.clone()) for split in splits for own in (split.pixels, split.labels, split.index)]

    def restore(self) -> bool:
        """Undo every change; whether there was one."""
        changed = [(own, kept) for own, kept in self._pairs if not torch.equal(own, kept)]
        for own, kept in changed:
            own.copy_(kept)
        return bool(changed)
