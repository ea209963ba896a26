"""A step's results as bytes, before any file is touched: what cannot be saved is told from a disk that is full."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from benchmark.core.errors import in_words

if TYPE_CHECKING:
    from torch import Tensor


class UnsaveableError(ValueError):
    """A step gave something that no file of a run can hold; it is the step's own failure."""


def check_tensors(tensors: object, called: str) -> dict[str, Tensor]:
    """`tensors`, if they are a dict from text to tensors.

    Args:
        tensors: What a plug-in left to be saved.
        called: The name it goes by, for the message.

    Raises:
        UnsaveableError: They are something else.
    """
    from torch import Tensor

    if not isinstance(tensors, Mapping):
        raise UnsaveableError(f"{called} is {type(tensors).__name__}, and must be a dict from text to tensors")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise UnsaveableError(f"{called} has the key {name!r}, and a key must be text (but '__metadata__')")
        if not isinstance(tensor, Tensor):
            raise UnsaveableError(f"{called}[{name!r}] is {type(tensor).__name__}, and must be a tensor")
    return dict(tensors)


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as safetensors; those that share memory, as tied weights do, are saved as copies.

    Raises:
        UnsaveableError: One is no tensor, or of a type that safetensors does not know.
    """
    from safetensors.torch import save

    copies = {name: _copy(name, tensor) for name, tensor in check_tensors(tensors, "tensors").items()}
    try:
        return save(copies)
    except MemoryError:
        raise
    except Exception as error:
        raise UnsaveableError(f"{', '.join(map(repr, copies))} cannot be saved ({in_words(error)})") from error


def _copy(name: str, tensor: Tensor) -> Tensor:
    try:
        return tensor.detach().cpu().contiguous().clone()
    except MemoryError:
        raise
    except Exception as error:
        raise UnsaveableError(f"{name!r} cannot be saved as a tensor ({in_words(error)})") from error


def sample_bytes(samples: pd.DataFrame) -> bytes:
    """Per-sample records as Parquet.

    Raises:
        UnsaveableError: A column holds values that Parquet does not know.
    """
    buffer = io.BytesIO()
    try:
        samples.to_parquet(buffer, index=False)
    except MemoryError:
        raise
    except Exception as error:
        raise UnsaveableError(f"the records cannot be saved ({in_words(error)})") from error
    return buffer.getvalue()
