"""Adversarial weight perturbation: the weights nearby at which a loss is largest."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from defenses.adversarial.min_max import Forward


def at_worst_weights(model: nn.Module, loss: Callable[[Forward], Tensor], *, gamma: float) -> Tensor:
    """`loss` of the network whose weights are moved against it, by γ times their own norm in each layer.

    Layer by layer v = γ ‖w‖ g / ‖g‖ with g = ∂loss/∂w (Wu et al. 2020, eq. 8 to 10, one step); vectors, such as biases
    and scales of normalisation, stay. The gradient of what is returned is that at w + v with v held, and `model` keeps
    its weights: batch-norm statistics follow the moved network alone, not the search for v.
    """
    matrices = {name: weight for name, weight in model.named_parameters() if weight.dim() > 1}
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    here = loss(lambda x: functional_call(model, statistics, (x,)))
    gradients = torch.autograd.grad(here, tuple(matrices.values()), materialize_grads=True)
    moved = {
        name: weight + _perturbation(weight.detach(), gradient, gamma)
        for (name, weight), gradient in zip(matrices.items(), gradients, strict=True)
    }
    return loss(lambda x: functional_call(model, moved, (x,)))


def _perturbation(weight: Tensor, gradient: Tensor, gamma: float) -> Tensor:
    smallest = torch.finfo(gradient.dtype).tiny
    return gamma * weight.norm() * gradient / gradient.norm().clamp(min=smallest)
