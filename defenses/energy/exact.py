"""The exact gradient through a Langevin chain, at the memory of two square roots of its length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmark.core.noise import Noise
from defenses.energy.langevin import Energy, drift, langevin_chain, langevin_step


@dataclass(frozen=True)
class Chain:
    """A chain to differentiate through: what `langevin_chain` takes besides the image.

    Attributes:
        energy, noise, steps, step, temperature: As in `langevin_chain`.
    """

    energy: Energy
    noise: Noise
    steps: int
    step: float
    temperature: float


def differentiable_chain(x: Tensor, chain: Chain) -> Tensor:
    """`langevin_chain` from `x`, with its true gradient.

    Noise is added, so a vector g at the end of a step is g − (∂ drift / ∂x)ᵀ g at its start, and going back needs the
    states alone (Du et al. 2026, MEFA). States are kept at about √K places and the stretches between them are run
    again, with their noise drawn again from its key, so no noise is ever stored.
    """
    state: Tensor = _ExactChain.apply(x, chain)  # type: ignore[no-untyped-call]
    return state


class _ExactChain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, chain: Chain) -> Tensor:
        stretch = max(1, math.isqrt(chain.steps))
        kept = []
        state = x.detach()
        for first in range(0, chain.steps, stretch):
            kept.append(state)
            state = langevin_chain(
                chain.energy,
                state,
                chain.noise,
                steps=min(stretch, chain.steps - first),
                step=chain.step,
                temperature=chain.temperature,
                first=first,
            )
        ctx.chain, ctx.stretch = chain, stretch
        ctx.save_for_backward(*kept)
        return state

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        (upstream,) = outputs
        chain: Chain = ctx.chain
        kept = ctx.saved_tensors
        for place in reversed(range(len(kept))):
            first = place * ctx.stretch
            for state in reversed(_states(kept[place], first, min(ctx.stretch, chain.steps - first), chain)):
                with torch.enable_grad():
                    start = state.detach().requires_grad_(True)
                    moved = drift(chain.energy, start, chain.step, chain.temperature)
                    # A piecewise linear energy has no curvature, and autograd then finds no path back.
                    (product,) = torch.autograd.grad(moved, start, upstream, allow_unused=True)
                if product is not None:
                    upstream = upstream - product
        return upstream, None


def _states(state: Tensor, first: int, count: int, chain: Chain) -> list[Tensor]:
    """The states at which `count` steps begin, the first of them `state` at step `first`."""
    states = [state]
    for k in range(first, first + count - 1):
        z = chain.noise.at(k).normal(state.shape[1:], dtype=state.dtype)
        states.append(langevin_step(chain.energy, states[-1], chain.step, chain.temperature, z))
    return states
