"""Network weights on disk: safetensors, which can hold numbers and nothing that runs, and what torch.save wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.models.training.checkpoint import SUFFIXES, read_checkpoint

_NAMED = 3


def save_weights(weights: Mapping[str, Tensor], path: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a state dict; tensors are moved to the CPU."""
    from safetensors.torch import save_file

    # Copies, because safetensors refuses tensors that share memory, as tied weights do.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    save_file(tensors, str(path), metadata=metadata)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict onto the CPU; the suffix says whether the file is safetensors or a checkpoint of torch's.

    Raises:
        UserError: The file is missing, cannot be read, is cut short, or is not of its kind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise UserError("no such weights file", where=str(path), remedy="check the path")
    if path.suffix.lower() in SUFFIXES:
        return read_checkpoint(path)
    try:
        weights: dict[str, Tensor] = load_file(str(path), device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"the weights cannot be read: damaged, cut short, or not safetensors ({error})",
            where=str(path),
            remedy="give a .safetensors file, or name it .pth where torch.save wrote it; it is left as it is",
        ) from error
    return weights


def fill(network: nn.Module, weights: Mapping[str, Tensor], *, where: str) -> None:
    """Put a state dict into `network`, in place, on the network's device.

    Raises:
        UserError: Names or shapes differ; the message names the first few.
    """
    wanted = network.state_dict()
    problems = [f"{name} is missing" for name in wanted if name not in weights]
    problems += [f"{name} is not in the network" for name in weights if name not in wanted]
    problems += [
        f"{name} has shape {tuple(weights[name].shape)}, the network {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise UserError(
            f"the weights do not fit the network: {'; '.join(problems[:_NAMED])}{more}",
            where=where,
            remedy="use the weights of this architecture, image size and number of classes",
        )
    network.load_state_dict(dict(weights))


def load_into(network: nn.Module, path: Path) -> None:
    """Read a state dict from `path` into `network`; raises UserError as `load_weights` and `fill` do."""
    fill(network, load_weights(path), where=str(path))
