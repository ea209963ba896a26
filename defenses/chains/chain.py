"""What a purification is to the engine that differentiates it: steps from one state to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Chain(ABC):
    """Steps state_k → state_{k+1}, k = 0 … steps − 1: Langevin dynamics, reverse diffusion, descent over a latent.

    A step draws its random numbers from a key that k is part of, so that it can be run again and be the same. A chain
    that is conditioned reads an image at every step beside its state, and has a gradient towards both.

    Attributes:
        steps: Length of the chain.
    """

    steps: int

    @abstractmethod
    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        """The state after step `k` from `state`; differentiable wherever autograd is asked to record it.

        Args:
            k: Number of the step, from 0.
            state: [B, …].
            image: What every step is conditioned on, [B, C, H, W]; None where the chain is not conditioned.
        """
        raise NotImplementedError

    def pull_back(self, k: int, state: Tensor, image: Tensor | None, upstream: Tensor) -> tuple[Tensor, Tensor | None]:
        """`upstream`, a gradient at the end of step `k`, pulled back to its `state` and to its `image`.

        By default autograd of this one step; a chain that knows a shorter way has its own.
        """
        with torch.enable_grad():
            start = state.detach().requires_grad_(True)
            given = None if image is None else image.detach().requires_grad_(True)
            end = self.advance(k, start, given)
            inputs = [start] if given is None else [start, given]
            first, *others = torch.autograd.grad(end, inputs, upstream, allow_unused=True)
        towards_state = torch.zeros_like(state) if first is None else first
        return towards_state, others[0] if others else None

    def check(self, state: Tensor) -> None:
        """Raise UserError where the state at the end of a chain says that it went wrong; by default nothing."""
        del state


def run(start: Tensor, chain: Chain, image: Tensor | None = None) -> Tensor:
    """The state after all steps from `start`, without a graph."""
    with torch.no_grad():
        state = start
        for k in range(chain.steps):
            state = chain.advance(k, state, image)
    chain.check(state)
    return state
