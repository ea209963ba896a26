"""ImageNet weights of torchvision's networks: from the cache, or from the network when it answers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.plain_file import is_file, open_plain
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.reading.download import fetch

_MEGABYTES = 2048
"""Where torchvision does not say how large a file is."""


def load_imagenet(network: nn.Module, weights: Any, *, head: str, where: str) -> None:
    """Fill all of `network` but its last layer from a torchvision weights entry.

    Args:
        network: The torchvision architecture, its last layer replaced.
        weights: A torchvision weights entry, e.g. `ResNet50_Weights.IMAGENET1K_V2`.
        head: Name of the replaced layer in the state dict, e.g. "fc".
        where: For messages.

    Raises:
        UserError: The file is not in torch's cache and cannot be downloaded (noticed within ten seconds where nobody
            answers), or the file is not the published one.
    """
    name = Path(urlsplit(weights.url).path).name
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    remedy = f"put {weights.url} at {cached}, or set pretrained = false"
    # The file's name ends in the beginning of its hash.
    digest = cached.stem.rpartition("-")[2]
    most = round(1.1 * 2**20 * weights.meta.get("_file_size", _MEGABYTES))
    try:
        if not is_file(cached):
            fetch(weights.url, cached, digest=digest, algorithm="sha256", most=most, remedy=remedy)
        state = _published(cached, digest, most)
    except DataMissingError as error:
        raise UserError(f"the ImageNet weights are {error.problem}", where=where, remedy=remedy) from error
    except UserError as error:
        raise UserError(f"the ImageNet weights: {error.where} {error.problem}", where=where, remedy=remedy) from error
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(f"{head}.")}
    try:
        missing, unexpected = network.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise UserError(
            f"the ImageNet weights do not fit this torchvision ({error})", where=where, remedy=remedy
        ) from error
    if unexpected or any(not name.startswith(f"{head}.") for name in missing):
        raise UserError("the ImageNet weights do not fit this torchvision", where=where, remedy=remedy)


def _published(path: Path, digest: str, most: int) -> dict[str, Tensor]:
    """The state dict of the published file; nothing of another one is looked at."""
    with open_plain(path, most=most) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(digest):
            raise UserError(f"is not the published file (SHA-256 {found})", where=str(path))
        file.seek(0)
        # weights_only admits nothing but tensors.
        state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state
