"""The exact gradient through a chain of steps, at the memory of two square roots of its length."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from defenses.chains.chain import Chain


def differentiable_chain(start: Tensor, chain: Chain, image: Tensor | None = None) -> Tensor:
    """`run(start, chain, image)` with its true gradient towards `start` and `image`.

    States are kept at about √K places, and the stretches between them are run again on the way back, with noise drawn
    again from its key (Chen et al. 2016, Training deep nets with sublinear memory cost; Du et al. 2026, MEFA). What is
    alive at one time are at most 2 √K + 1 states and the graph of one step.
    """
    state: Tensor = _Checkpointed.apply(start, image, chain)  # type: ignore[no-untyped-call]
    return state


class _Checkpointed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, start: Tensor, image: Tensor | None, chain: Chain) -> Tensor:
        stretch = max(1, math.isqrt(chain.steps))
        kept = []
        # A function must not return its input itself.
        state = start.detach().view_as(start)
        for k in range(chain.steps):
            if k % stretch == 0:
                kept.append(state)
            state = chain.advance(k, state, image)
        chain.check(state)
        ctx.chain, ctx.stretch, ctx.image = chain, stretch, None if image is None else image.detach()
        ctx.save_for_backward(*kept)
        return state

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (upstream,) = outputs
        chain: Chain = ctx.chain
        image: Tensor | None = ctx.image
        towards_image: Tensor | None = None
        kept = ctx.saved_tensors
        for place in reversed(range(len(kept))):
            first = place * ctx.stretch
            last = min(first + ctx.stretch, chain.steps) - 1
            states = [kept[place]]
            for k in range(first, last):
                states.append(chain.advance(k, states[-1], image))
            for k in range(last, first - 1, -1):
                upstream, share = chain.pull_back(k, states.pop(), image, upstream)
                if share is not None:
                    towards_image = share if towards_image is None else towards_image + share
        return upstream, towards_image, None
