"""The inner maximisation of adversarial training: L∞ steps along the sign of a gradient, back into the ball."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise


@dataclass(frozen=True)
class Budget:
    """L∞ radius and length of a step on pixels in [0, 1], and the number of steps."""

    epsilon: float
    step_size: float
    steps: int

    def scaled(self, by: float) -> Budget:
        """As many steps in a ball, and of a length, `by` times as large."""
        return Budget(by * self.epsilon, by * self.step_size, self.steps)


def maximise(model: nn.Module, x: Tensor, start: Tensor, budget: Budget, gain: Callable[[Tensor], Tensor]) -> Tensor:
    """The last iterate of projected sign ascent from `start` (itself projected), in [0, 1], without a graph.

    Here alone is decided how a network is attacked while it is trained: in eval mode, with its parameters frozen, so
    that no attack moves the statistics of batch normalisation. The mode it had comes back.

    Args:
        model: What is attacked.
        x: Images [B, C, H, W] in [0, 1], the middle of the ball.
        start: Where to begin, [B, C, H, W].
        budget: The ball and the steps in it.
        gain: Logits [B, K] → what is to grow, summed over images.
    """
    lowest, highest = (x - budget.epsilon).clamp(min=0), (x + budget.epsilon).clamp(max=1)
    adversarial = start.clamp(lowest, highest)
    with frozen(model):
        for _ in range(budget.steps):
            adversarial.requires_grad_(True)
            (gradient,) = torch.autograd.grad(gain(model(adversarial)), adversarial)
            adversarial = (adversarial.detach() + budget.step_size * gradient.sign()).clamp(lowest, highest)
    return adversarial


def pgd(model: nn.Module, x: Tensor, y: Tensor, noise: Noise, budget: Budget) -> Tensor:
    """PGD on the cross-entropy from a uniform random start (Madry et al. 2018)."""
    start = x + budget.epsilon * (2 * noise.stream("start").uniform(x.shape[1:]) - 1)
    return maximise(model, x, start, budget, lambda logits: cross_entropy(logits, y, reduction="sum"))
