"""Running a network as it would be deployed: eval mode, parameters frozen, everything put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Within the block, every module is in eval mode and no parameter requires a gradient."""
    modes = [(m, m.training) for network in networks for m in network.modules()]
    trainable = [p for network in networks for p in network.parameters() if p.requires_grad]
    try:
        for module, _ in modes:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter in trainable:
            parameter.requires_grad_(True)
