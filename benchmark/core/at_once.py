"""How many steps of a run are computed side by side."""

from __future__ import annotations

import torch

from benchmark.core.threads import training_threads

_MOST = 8
"""Each is two processes with PyTorch and images of their own: some 600 MB."""


def at_once(shape: tuple[int, ...], device: torch.device) -> int:
    """How many steps of a run on images [C, H, W] are computed side by side: as many as PyTorch has threads, 8 at most.

    One where the images are so large that threads serve a single step well (`training_threads`), and one on a GPU.
    Side by side each has one thread, so that what is computed is independent of the number of cores.
    """
    threads = torch.get_num_threads()
    with training_threads(shape, device):
        return min(_MOST, threads) if torch.get_num_threads() == 1 else 1
