"""The engine against plain autograd, on a chain that has all that a chain may have."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from benchmark.core.noise import Noise
from defenses.chains.chain import Chain, run
from defenses.chains.checkpointed import differentiable_chain

SHAPE = (1, 3, 3)


@dataclass(frozen=True, kw_only=True)
class Pendulum(Chain):
    """A step that bends its state, reads the image, draws noise and knows its number."""

    noise: Noise

    def advance(self, k: int, state: Tensor, image: Tensor | None) -> Tensor:
        z = self.noise.at(k).normal(state.shape[1:], dtype=state.dtype)
        pull = 0 if image is None else (1 + k) * image.sin() * state
        return state + 0.3 * (2 * state).cos() - 0.1 * pull + 0.2 * z * state


def drawn(seed: int) -> Tensor:
    return Noise.of(seed, range(4)).normal(SHAPE, dtype=torch.float64)


def naive(start: Tensor, chain: Chain, image: Tensor | None) -> Tensor:
    for k in range(chain.steps):
        start = chain.advance(k, start, image)
    return start


@pytest.mark.parametrize("conditioned", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, 9, 12])
def test_it_is_autograd_through_the_whole_graph(steps: int, conditioned: bool) -> None:
    chain = Pendulum(steps=steps, noise=Noise.of(0, range(4)))
    gradients = []
    for engine in (naive, differentiable_chain):
        start = drawn(1).requires_grad_(True)
        image = drawn(2).requires_grad_(True) if conditioned else None
        end = engine(start, chain, image)
        assert torch.equal(end, run(start, chain, image))
        (end * drawn(3)).sum().backward()
        gradients.append([start.grad, image.grad if image is not None and steps else None])
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        if theirs is not None:
            assert ours is not None
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_start_that_does_not_depend_on_the_image_leaves_the_gradient_of_the_conditioning_alone() -> None:
    chain = Pendulum(steps=5, noise=Noise.of(0, range(4)))
    image = drawn(2).requires_grad_(True)
    ours, theirs = (
        torch.autograd.grad(engine(drawn(1), chain, image).sum(), image)[0] for engine in (differentiable_chain, naive)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
