"""A batch that does not fit is halved, in whatever words a library says so."""

from __future__ import annotations

import pyarrow
import pytest
import torch

from benchmark.core.batching import BatchSize, is_out_of_memory

SAID = [
    RuntimeError("could not create a primitive"),
    RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 17 GB, other allocations: 1 GB)"),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    torch.OutOfMemoryError("CUDA out of memory."),
    pyarrow.lib.ArrowMemoryError("malloc of size 64 failed"),
    MemoryError(),
    OSError(12, "Cannot allocate memory"),
]


@pytest.mark.parametrize("error", SAID, ids=str)
def test_every_library_s_words_halve_the_batch(error: Exception) -> None:
    size, tried = BatchSize(16), []

    def run(rows: slice) -> int:
        tried.append(rows.stop - rows.start)
        if tried[-1] > 4:
            raise error
        return tried[-1]

    assert sum(size.map(20, run)) == 20
    assert size.size == 4
    assert tried[:3] == [16, 8, 4]


@pytest.mark.parametrize("error", [RuntimeError("could not"), ValueError("memory"), TypeError("out of memory of it")])
def test_other_failures_are_not_tried_again(error: Exception) -> None:
    tried = []

    def run(rows: slice) -> int:
        tried.append(rows)
        raise error

    with pytest.raises(type(error)):
        BatchSize(16).map(20, run)
    assert len(tried) == 1


def test_one_image_that_does_not_fit_is_a_failure_of_its_own() -> None:
    def run(rows: slice) -> int:
        raise SAID[0]

    with pytest.raises(RuntimeError, match="primitive"):
        BatchSize(16).map(20, run)


def test_an_error_without_a_text_is_no_lack_of_memory() -> None:
    class UnspeakableError(RuntimeError):
        def __str__(self) -> str:
            raise SystemExit

    assert not is_out_of_memory(UnspeakableError())
