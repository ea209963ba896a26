"""Reading a network's hidden activations: one vector of channel means per activation layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from benchmark.core.errors import UserError

_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.ReLU6, nn.Mish, nn.Softplus)


@dataclass
class Features:
    """What one forward pass left behind.

    Attributes:
        layers: For each activation layer in order of execution, its channel means: [B, C_l].
        penultimate: Input of the last linear layer, flattened: [B, D].
    """

    layers: list[Tensor] = field(default_factory=list)
    penultimate: Tensor | None = None


@contextmanager
def recording(network: nn.Module) -> Iterator[Features]:
    """Record the features of the forward pass made within the block; gradients flow through them.

    An activation module used several times in one pass gives one layer per use.

    Raises:
        UserError: The network has neither an activation module nor a linear layer to read.
    """
    activations = [m for m in network.modules() if isinstance(m, _ACTIVATIONS)]
    linears = [m for m in network.modules() if isinstance(m, nn.Linear)]
    if not activations or not linears:
        raise UserError(
            "the classifier has no activation module or no linear layer, so its features cannot be read",
            where=type(network).__name__,
            remedy="use torch.nn modules (nn.ReLU, nn.Linear) rather than functions for activations and head",
        )
    features = Features()

    def keep_activation(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A clone, because an in-place activation further on would overwrite it.
        features.layers.append(output.flatten(2).mean(2) if output.dim() > 2 else output.clone())

    def keep_penultimate(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        features.penultimate = inputs[0].flatten(1)

    handles = [m.register_forward_hook(keep_activation) for m in activations]
    handles.append(linears[-1].register_forward_pre_hook(keep_penultimate))
    try:
        yield features
    finally:
        for handle in handles:
            handle.remove()
