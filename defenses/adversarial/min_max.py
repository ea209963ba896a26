"""The min-max games of adversarial training: what an attack makes of a batch, and what is made smaller on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.frozen import frozen
from benchmark.models.training.loop import Batch
from defenses.adversarial.losses import divergence, mart_loss, trades_loss
from defenses.adversarial.maximisation import Budget, maximise, pgd

Forward = Callable[[Tensor], Tensor]
"""Images [B, C, H, W] → logits [B, K]: the network being trained, or the same with other weights."""

TRADES_START = 1e-3
"""Standard deviation of the noise at which TRADES starts: at the image itself a divergence has no slope."""


@dataclass(frozen=True)
class MinMax:
    """One way to train adversarially.

    Attributes:
        attack: (model, batch, budget) → adversarial images, without a graph.
        loss: (network, adversarial images, batch) → what is made smaller, a scalar.
    """

    attack: Callable[[nn.Module, Batch, Budget], Tensor]
    loss: Callable[[Forward, Tensor, Batch], Tensor]


def madry() -> MinMax:
    """Cross-entropy on PGD examples (Madry et al. 2018, eq. 2.1)."""
    return MinMax(_cross_entropy_attack, adversarial_loss)


def trades(beta: float) -> MinMax:
    """Divergence from the clean answer, in the attack and beside the clean loss (Zhang et al. 2019, algorithm 1)."""
    return MinMax(_divergence_attack, partial(_on_both, trades_loss, beta))


def mart(beta: float) -> MinMax:
    """PGD examples; what is got wrong already when clean counts more (Wang et al. 2020, algorithm 1)."""
    return MinMax(_cross_entropy_attack, partial(_on_both, mart_loss, beta))


def adversarial_loss(network: Forward, adversarial: Tensor, batch: Batch) -> Tensor:
    """Class-weighted cross-entropy on `adversarial`."""
    return cross_entropy(network(adversarial), batch.labels, weight=batch.weights)


def _on_both(loss: Callable[..., Tensor], beta: float, network: Forward, adversarial: Tensor, batch: Batch) -> Tensor:
    return loss(network(batch.images), network(adversarial), batch.labels, batch.weights, beta=beta)


def _cross_entropy_attack(model: nn.Module, batch: Batch, budget: Budget) -> Tensor:
    return pgd(model, batch.images, batch.labels, batch.noise, budget)


def _divergence_attack(model: nn.Module, batch: Batch, budget: Budget) -> Tensor:
    x = batch.images
    with frozen(model), torch.no_grad():
        clean = model(x)
    start = x + TRADES_START * batch.noise.stream("start").normal(x.shape[1:])
    return maximise(model, x, start, budget, lambda logits: divergence(clean, logits).sum())
