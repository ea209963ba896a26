"""ImageNet weights of torchvision's networks: from the cache, or from the network when it answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor, nn

from benchmark.errors import UserError

_PATIENCE_S = 8.0


def load_imagenet(network: nn.Module, weights: Any, *, head: str, where: str) -> None:
    """Fill all of `network` but its last layer from a torchvision weights entry.

    Args:
        network: The torchvision architecture, its last layer replaced.
        weights: A torchvision weights entry, e.g. `ResNet50_Weights.IMAGENET1K_V2`.
        head: Name of the replaced layer in the state dict, e.g. "fc".
        where: For messages.

    Raises:
        UserError: The file is not in torch's cache and the network cannot be reached (noticed within 10 s), or the
            file is damaged.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(weights.url).path).name
    remedy = f"put {weights.url} at {cached}, or set pretrained = false"
    if not cached.is_file() and not reachable(weights.url):
        raise UserError(
            "the ImageNet weights are not at hand and the network does not answer", where=where, remedy=remedy
        )
    try:
        with _patience():
            # The file's name holds its hash, and weights_only admits nothing but tensors.
            state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
            kept = {name: tensor for name, tensor in state.items() if not name.startswith(f"{head}.")}
            missing, unexpected = network.load_state_dict(kept, strict=False)
    except Exception as error:
        raise UserError(f"the ImageNet weights cannot be loaded ({error})", where=where, remedy=remedy) from error
    if unexpected or any(not name.startswith(f"{head}.") for name in missing):
        raise UserError("the ImageNet weights do not fit this torchvision", where=where, remedy=remedy)


def reachable(url: str) -> bool:
    """Whether the host of `url`, or the proxy that stands before it, accepts a connection within 8 seconds."""
    target = urlsplit(getproxies().get(urlsplit(url).scheme, url))
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        with socket.create_connection((target.hostname or "", port), timeout=_PATIENCE_S):
            return True
    except OSError:
        return False


@contextmanager
def _patience() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
