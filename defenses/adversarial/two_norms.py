"""Batch normalisation with statistics and scales of two kinds: for clean and for adversarial images."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class TwoNorms(nn.Module):
    """A batch normalisation and its auxiliary, which begins as its copy; one of them is in use.

    Attributes:
        main, auxiliary: The two layers.
        adversarial: Whether the auxiliary is in use.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.main = norm
        self.auxiliary = copy.deepcopy(norm)
        self.adversarial = False

    def forward(self, x: Tensor) -> Tensor:
        """What the layer in use makes of `x`."""
        output: Tensor = self.auxiliary(x) if self.adversarial else self.main(x)
        return output


def split_norms(model: nn.Module) -> int:
    """Give every batch normalisation within `model` an auxiliary, in place; how many there are."""
    norms: dict[nn.Module, nn.Module] = {
        module: TwoNorms(module) for module in model.modules() if isinstance(module, _BatchNorm)
    }
    _replace(model, norms)
    return len(norms)


def join_norms(model: nn.Module) -> None:
    """Drop every auxiliary within `model`, in place."""
    _replace(model, {module: module.main for module in model.modules() if isinstance(module, TwoNorms)})


def _replace(model: nn.Module, others: Mapping[nn.Module, nn.Module]) -> None:
    # A layer may stand in several places.
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if path and module in others:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, others[module])


@contextmanager
def auxiliary(model: nn.Module) -> Iterator[None]:
    """Within the block the auxiliary layers are in use."""
    norms = [module for module in model.modules() if isinstance(module, TwoNorms)]
    try:
        for norm in norms:
            norm.adversarial = True
        yield
    finally:
        for norm in norms:
            norm.adversarial = False
