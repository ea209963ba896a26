"""Going through images in batches that shrink when memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from benchmark.core.errors import in_words

T = TypeVar("T")
_WORDS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "could not allocate",
    "failed to allocate",
    "unable to allocate",
    "bad_alloc",
    "alloc_failed",
    "allocation failed",
    "resource_exhausted",
    "memoryallocation",
    # What oneDNN says of a convolution whose buffers do not fit.
    "could not create a primitive",
    "could not create a memory",
)
"""How CUDA, cuBLAS, cuDNN, HIP, Metal, XPU, oneDNN, C++ and the C library say that memory ran out, in small letters."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device and in any library's words."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = in_words(error).lower()
    return isinstance(error, (RuntimeError, OSError)) and any(part in words for part in _WORDS)


class BatchSize:
    """The batch size in use: starts where the user or the device says, halves when memory runs out.

    Args:
        size: Images per batch.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    @classmethod
    def auto(cls, device: torch.device, shape: tuple[int, int, int]) -> BatchSize:
        """128 images of 28×28 on a CPU and 2,048 on a GPU, fewer of larger images, never under 8."""
        per_image = max(1.0, shape[1] * shape[2] / 28**2)
        base = 128 if device.type == "cpu" else 2048
        return cls(max(8, int(base / per_image)))

    def map(self, rows: int, run: Callable[[slice], T], *, size: int | None = None) -> list[T]:
        """`run` on successive slices of `rows`; a slice that runs out of memory is halved and tried again.

        Args:
            rows: Number of images.
            run: Takes a slice of them.
            size: Use this batch size rather than the current one.
        """
        parts: list[T] = []
        start = 0
        current = size or self.size
        while start < rows:
            try:
                parts.append(run(slice(start, min(start + current, rows))))
            except Exception as error:
                if current == 1 or not is_out_of_memory(error):
                    raise
                if torch.cuda.is_initialized():
                    torch.cuda.empty_cache()
                current = max(1, current // 2)
                self.size = min(self.size, current)
                continue
            start += current
        return parts
