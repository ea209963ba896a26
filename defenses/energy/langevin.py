"""Langevin dynamics: x ← x − (ε² / 2T) ∇F(x) + ε z, with z standard normal.

Its density is exp(−F(x) / T) as ε → 0. Three ways of writing the same step are in use, and a published ε means
nothing without its convention; `defenses.energy.conventions` converts them into each other.

On a quadratic well the chain is stable only while its curvature times ε² / 2T is below 2, and then its variance
along that direction is ε² / (s (2 − s)), with s that product.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise

FARTHEST = 100.0
"""A chain of images in [−1, 1] that reaches this far has diverged."""
Energy = Callable[[Tensor], Tensor]
"""Images [B, C, H, W] → energies [B], each of its own image alone."""


class ChainDivergedError(UserError):
    """A Langevin chain left every neighbourhood of the images, or is no number any more."""

    def __init__(self) -> None:
        super().__init__(
            "a Langevin chain diverged",
            where="energy sampler",
            remedy="lower langevin_epsilon or raise temperature; in training, halve learning_rate, raise "
            "training_steps or data_noise, or use the soft-leaky-relu activation",
        )


def drift(energy: Energy, x: Tensor, step: float, temperature: float) -> Tensor:
    """(ε² / 2T) ∇F at each image of `x`, for step ε and temperature T; the same shape.

    Where `x` requires a gradient, so does the result: its derivative is the energy's curvature. The noise of a step
    is added and so has no part in the step's derivative: a vector g at the end of a step is g minus the product of
    g with this function's derivative at its start, and going back through a chain needs its states alone.
    """
    differentiable = torch.is_grad_enabled() and x.requires_grad
    with torch.enable_grad():
        start = x if differentiable else x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(energy(start).sum(), start, create_graph=differentiable)
    return gradient * (step * step / (2 * temperature))


def langevin_step(energy: Energy, x: Tensor, step: float, temperature: float, z: Tensor) -> Tensor:
    """One Langevin step from `x` with the standard normal numbers `z` of the same shape."""
    return x - drift(energy, x, step, temperature) + step * z


def langevin_chain(
    energy: Energy, x: Tensor, noise: Noise, *, steps: int, step: float, temperature: float, first: int = 0
) -> Tensor:
    """The state after `steps` Langevin steps from `x`, without a graph; step k draws from `noise.at(first + k)`.

    States are never clipped: a clipped chain has another stationary density.

    Raises:
        ChainDivergedError: The chain diverged.
    """
    state = x.detach()
    for k in range(first, first + steps):
        state = langevin_step(energy, state, step, temperature, noise.at(k).normal(state.shape[1:], dtype=state.dtype))
    if not bool((state.abs() <= FARTHEST).all()):
        raise ChainDivergedError
    return state
