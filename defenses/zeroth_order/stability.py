"""Zeroth-order training: denoiser and encoder learn to keep the black box's answers, by queries only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.zeroth_order.black_box import BlackBox, StabilityLoss
from defenses.zeroth_order.checkpoint import Checkpoint
from defenses.zeroth_order.estimators import Loss, linear_surrogate
from defenses.zeroth_order.purifier import Purifier
from defenses.zeroth_order.reconstruction import shuffled

_VALIDATIONS = 8
"""How often the answers on validation images are compared; each time the weights may be kept."""
_VALIDATION_DRAWS = 4
_VALIDATION_BATCH = 256

Estimate = Callable[[Loss, Tensor, Noise], Tensor]
"""(loss at latent points, points [B, d], the samples' noise) → estimated gradient [B, d]."""


@dataclass(frozen=True)
class StabilityObjective:
    """E_δ[κ ‖D(x+δ) − x‖² + γ w CE(f(Dec(Enc(D(x+δ)))), f(x))], δ ~ N(0, σ²I).

    The target f(x) is the class that the classifier itself names for the clean image; w balances the classes that
    it names, so that the rare one is not given up. [ZO-DS] has κ = 1, Zhang et al. 2022 κ = 0.

    Attributes:
        sigma: σ, on [0, 1] pixels.
        gamma: γ, weight of the cross-entropy.
        denoising: κ, weight of the squared error, which is summed over an image's pixels.
        estimate: Gradient of the cross-entropy in the latent by queries.
    """

    sigma: float
    gamma: float
    denoising: float
    estimate: Estimate

    def surrogate(
        self, purifier: Purifier, black_box: BlackBox, x: Tensor, targets: Tensor, weights: Tensor, noise: Noise
    ) -> Tensor:
        """A scalar whose gradient with respect to denoiser and encoder estimates the objective's on this batch.

        The cross-entropy enters as ⟨a, z⟩ with a its estimated gradient at z, so the value itself means nothing.
        """
        denoised = purifier.denoiser(x + self.sigma * noise.stream("smoothing").normal(x.shape[1:]))
        latent = purifier.encoder(denoised)
        loss = StabilityLoss(black_box, purifier.decoder, targets)
        gradient = self.estimate(loss, latent.detach(), noise.stream("directions"))
        stability = (weights[targets] * linear_surrogate(latent, gradient)).mean()
        error = (denoised - x).square().sum((1, 2, 3)).mean()
        total: Tensor = self.denoising * error + self.gamma * stability
        return total


def fit_stability(
    purifier: Purifier,
    black_box: BlackBox,
    objective: StabilityObjective,
    data: FitData,
    *,
    steps: int,
    learning_rate: float,
    report: Callable[[float], None],
) -> float:
    """Train denoiser and encoder in place by Adam with a cosine schedule; the decoder belongs to the black box.

    Args:
        purifier: Ends with the weights whose answers on noisy validation images agreed best with those on clean ones,
            counting each class that the classifier names alike; the weights it came with are a candidate.
        black_box: The classifier.
        objective: What is minimised.
        data: Images, seed and device.
        steps: Adam steps, each on one batch.
        learning_rate: At the first step.
        report: Called with the fraction done.

    Returns:
        Balanced disagreement on the validation images, in [0, 1].
    """
    targets = black_box.labels(data.train, data.device)
    validation_targets = black_box.labels(data.validation, data.device)
    weights = balanced_weights(targets, data.classes)
    noise = Noise.of(data.seed, data.train.index, device=data.device).stream("stability")
    optimizer = torch.optim.Adam([*purifier.denoiser.parameters(), *purifier.encoder.parameters()], learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batches = _endless(data.train, torch.Generator().manual_seed(data.seed))
    best = Checkpoint(purifier)
    best.offer(disagreement(purifier, black_box, objective.sigma, validation_targets, data))
    for step in range(steps):
        rows = next(batches)
        x, here = data.train.floats(rows, device=data.device), rows.to(data.device)
        loss = objective.surrogate(purifier, black_box, x, targets[here], weights, noise[here].at(step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) * _VALIDATIONS // steps > step * _VALIDATIONS // steps:
            best.offer(disagreement(purifier, black_box, objective.sigma, validation_targets, data))
        report((step + 1) / steps)
    best.restore()
    return best.loss


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """One weight a class, [K], inverse to its share of `labels` and 1 on average over them; 0 for absent classes."""
    counts = torch.bincount(labels, minlength=classes).to(torch.float32)
    present = counts > 0
    return torch.where(present, labels.numel() / (counts.clamp(min=1) * present.sum()), 0)


def disagreement(purifier: Purifier, black_box: BlackBox, sigma: float, targets: Tensor, data: FitData) -> float:
    """Share of noisy validation images whose class is not the target after purification, every target alike.

    An answer that is not finite is a wrong one, so that weights that diverged are never kept.
    """
    weights = balanced_weights(targets, data.classes)[targets]
    wrong = torch.zeros((), dtype=torch.float64, device=data.device)
    with torch.no_grad():
        for rows in torch.arange(len(targets)).split(_VALIDATION_BATCH):
            x, here = data.validation.floats(rows, device=data.device), rows.to(data.device)
            noise = Noise.of(data.seed, data.validation.index[rows], device=data.device).stream("validation")
            for draw in range(_VALIDATION_DRAWS):
                logits = black_box(purifier(x + sigma * noise.at(draw).normal(x.shape[1:])))
                right = (logits.argmax(1) == targets[here]) & logits.isfinite().all(1)
                wrong += (weights[here] * ~right).sum()
    return float(wrong) / (len(targets) * _VALIDATION_DRAWS)


def _endless(samples: LabeledImages, order: torch.Generator) -> Iterator[Tensor]:
    while True:
        yield from shuffled(samples, order)
