"""Weights as `torch.save` writes them, read without running anything that is in the file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark.core.errors import UserError, in_words

SUFFIXES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".tar"})
"""How files are called that `torch.save` wrote."""

_INNER = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which training scripts keep the state dict beside their optimizer's."""

_PREFIXES = ("module.", "_orig_mod.")
"""What `DataParallel` and `torch.compile` put before every name."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of `torch.save`, on the CPU: alone, or under the key of a training script.

    The prefixes of `DataParallel` and `torch.compile` are taken off where every name has them.

    Raises:
        UserError: It cannot be read, needs code to be read, or holds no state dict.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _needs_code(path) from error
    except Exception as error:
        raise UserError(
            f"the weights cannot be read: damaged, cut short, or not a file of torch.save ({in_words(error)})",
            where=str(path),
            remedy="compare the file with its original; it is left as it is",
        ) from error
    for key in _INNER:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not _is_state_dict(content):
        held = ", ".join(map(repr, list(content)[:5])) if isinstance(content, Mapping) else type(content).__name__
        raise UserError(
            f"it holds no state dict (but {held})",
            where=str(path),
            remedy="write one with torch.save(network.state_dict(), …)",
        )
    return _without_prefixes(dict(content))


def _needs_code(path: Path) -> UserError:
    kept = path.with_name(f"{path.stem}-weights.pth").name
    return UserError(
        "it is a pickle that runs code when it is read, as a whole network saved at once is, so it was not read",
        where=str(path),
        remedy="where you trust it, keep its weights alone, in Python with the network's code at hand: "
        f"network = torch.load({path.name!r}, map_location='cpu', weights_only=False); "
        f"torch.save(network.state_dict(), {kept!r}); then set weights = {kept!r}",
    )


def _is_state_dict(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    )


def _without_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights
