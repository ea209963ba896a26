"""What adversarial training makes smaller, from logits. Means count every class alike, as training without attack does.

With equal class weights they are the papers' plain means.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, nll_loss


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """KL(softmax(target) ‖ softmax(logits)) of each row: [B, K], [B, K] → [B]."""
    return kl_div(logits.log_softmax(1), target.log_softmax(1), reduction="none", log_target=True).sum(1)


def weighted_mean(values: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Mean of [B] values, each counted by the weight of its class, as `cross_entropy` does."""
    of_rows = weights[labels]
    return (of_rows * values).sum() / of_rows.sum()


def trades_loss(clean: Tensor, adversarial: Tensor, labels: Tensor, weights: Tensor, *, beta: float) -> Tensor:
    """CE(f(x), y) + β KL(f(x) ‖ f(x′)): Zhang et al. 2019, eq. 5, with β = 1/λ. Logits [B, K] → scalar."""
    accuracy = cross_entropy(clean, labels, weight=weights)
    return accuracy + beta * weighted_mean(divergence(clean, adversarial), labels, weights)


def mart_loss(clean: Tensor, adversarial: Tensor, labels: Tensor, weights: Tensor, *, beta: float) -> Tensor:
    """BCE(p(x′), y) + β KL(p(x) ‖ p(x′)) (1 − p_y(x)): Wang et al. 2020, eq. 10 and 11. Logits [B, K] → scalar.

    BCE(p, y) = −log p_y − log(1 − max_{k ≠ y} p_k): the boosted cross-entropy asks for a margin, too.
    """
    boosted = cross_entropy(adversarial, labels, weight=weights) + nll_loss(
        _log_remainder_of_runner_up(adversarial, labels)[:, None].expand(-1, len(weights)), labels, weight=weights
    )
    doubt = 1 - clean.softmax(1).gather(1, labels[:, None])[:, 0]
    return boosted + beta * weighted_mean(doubt * divergence(clean, adversarial), labels, weights)


def _log_remainder_of_runner_up(logits: Tensor, labels: Tensor) -> Tensor:
    """log(1 − p_k) of the likeliest wrong class k, [B]; as a sum over the others, so that it never is log 0."""
    wrong = logits.scatter(1, labels[:, None], -torch.inf)
    runner_up = wrong.argmax(1, keepdim=True)
    return logits.scatter(1, runner_up, -torch.inf).logsumexp(1) - logits.logsumexp(1)
