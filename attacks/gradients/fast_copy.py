"""A copy of a network that gives the same logits and gradients sooner."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import conv2d, fold
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen

TOLERANCE = 1e-4
"""How far folding may move logits, relative to the largest: an order above float32 rounding in a deep network."""
FEW_CHANNELS = 4
"""Up to this many input channels (grayscale, RGB) the CPU's own backward pass of a convolution is mostly waste."""


def search_model(model: DefendedModel, probe: Tensor) -> DefendedModel | None:
    """The defended model around a faster copy of its classifier; None when the copy is not the same on `probe`.

    Everything but the classifier is shared with `model`.
    """
    classifier = faster(model.classifier)
    with frozen(model.classifier, classifier), torch.no_grad():
        expected, found = model.classifier(probe), classifier(probe)
    if not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * float(expected.abs().max())):
        return None
    copied = copy.copy(model)
    # A shallow copy shares the table of submodules, and the classifier would change in both.
    copied._modules = dict(model._modules)
    copied.classifier = classifier
    return copied


def faster(network: nn.Module) -> nn.Module:
    """A copy in eval mode with batch normalisation folded into the convolution before it (up to float rounding).

    On a CPU, convolutions on one to four channels are differentiated by a matrix product instead of a transposed
    convolution, which takes a fifth of the time. Modules keep their names and the code between them is untouched; what
    cannot be traced is not folded.
    """
    copied = copy.deepcopy(network).eval()
    for convolution, normalization in _foldable(copied):
        modules = dict(copied.named_modules())
        _replace(copied, convolution, fuse_conv_bn_eval(modules[convolution], modules[normalization]))
        _replace(copied, normalization, nn.Identity())
    for name, module in list(copied.named_modules()):
        if _is_thin(module):
            _replace(copied, name, ThinConvolution(module))
    return copied


class ThinConvolution(nn.Module):
    """A convolution on few channels: torch's forward pass, and a backward pass that is a matrix product.

    The gradient goes to the image alone; the weights, which an attack leaves as they are, get none.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.stride = convolution.stride
        self.padding = convolution.padding

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, O, H', W']."""
        result: Tensor = _Thin.apply(x, self.weight, self.bias, self.stride, self.padding)  # type: ignore[no-untyped-call]
        return result


class _Thin(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.size, ctx.stride, ctx.padding = x.shape[2:], stride, padding
        return conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (weight,) = ctx.saved_tensors
        patches = weight.flatten(1).t() @ gradients[0].flatten(2)
        image = fold(patches, ctx.size, weight.shape[2:], padding=ctx.padding, stride=ctx.stride)
        return image, None, None, None, None


def _is_thin(module: nn.Module) -> bool:
    if type(module) is not nn.Conv2d or module.weight.device.type != "cpu" or not isinstance(module.padding, tuple):
        return False
    plain = module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    # The matrix of patches is as large as this many channels of the output.
    patches = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
    return plain and module.in_channels <= FEW_CHANNELS and patches <= 2 * module.out_channels


def _foldable(network: nn.Module, prefix: str = "") -> list[tuple[str, str]]:
    """Names of each convolution and the normalisation that alone uses its output, where both are called once."""
    try:
        graph = fx.Tracer().trace(network)
    except Exception:
        # Code that looks at its data cannot be traced; the parts that it calls may be.
        parts = network.named_children()
        return [pair for name, part in parts for pair in _foldable(part, f"{prefix}{name}.")]
    modules = dict(network.named_modules())
    calls = [node.target for node in graph.nodes if node.op == "call_module"]
    found = []
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        pair = str(before.target), str(node.target)
        first, second = (modules[name] for name in pair)
        once = all(calls.count(name) == 1 for name in pair)
        if once and type(first) is nn.Conv2d and type(second) is nn.BatchNorm2d and second.track_running_stats:
            found.append((prefix + pair[0], prefix + pair[1]))
    return found


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)
