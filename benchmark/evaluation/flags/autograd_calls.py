"""Counting the calls of autograd that a piece of code makes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Calls:
    """How many times autograd was called; a call that makes others counts once."""

    count: int = 0


@contextmanager
def counting_autograd() -> Iterator[Calls]:
    """Within the block, calls of `torch.autograd.grad`, `torch.autograd.backward` and `Tensor.backward` are counted.

    The function that these share is watched too, for code that imported one of them by name before. Everything is
    put back afterwards, whatever happens.
    """
    calls = Calls()
    depth = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal depth
            calls.count += depth == 0
            depth += 1
            try:
                return function(*arguments, **options)
            finally:
                depth -= 1

        return call

    entrances = [(torch.autograd, "grad"), (torch.autograd, "backward"), (torch.Tensor, "backward")]
    entrances += [(torch.autograd, name) for name in ("_engine_run_backward",) if hasattr(torch.autograd, name)]
    originals = [(owner, name, getattr(owner, name)) for owner, name in entrances]
    try:
        for owner, name, original in originals:
            setattr(owner, name, counted(original))
        yield calls
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
