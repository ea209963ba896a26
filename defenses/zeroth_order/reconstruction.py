"""First-order training, for which no classifier is needed: networks that give back the clean image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.zeroth_order.checkpoint import Checkpoint

BATCH = 64
LEARNING_RATE = 2e-3
_EVALUATION_BATCH = 256

Corrupt = Callable[[Tensor, Noise], Tensor]
"""(clean images, their noise) → what the network sees."""


def fit_reconstruction(
    network: nn.Module,
    corrupt: Corrupt,
    data: FitData,
    *,
    epochs: int,
    stream: str,
    report: Callable[[float], None],
) -> float:
    """Minimise E ‖network(corrupt(x)) − x‖² over the training images by Adam with a cosine schedule.

    Args:
        network: Changed in place; ends with the weights of the epoch that was best on the validation images.
        corrupt: What happens to the image first; the noise is keyed by sample and step.
        data: Images, seed and device.
        epochs: Passes over the training images; 0 leaves the network as it is.
        stream: Name of the random numbers that belong to this training.
        report: Called with the fraction done.

    Returns:
        Mean squared error per pixel on the validation images.
    """
    noise = Noise.of(data.seed, data.train.index, device=data.device).stream(stream)
    order = torch.Generator().manual_seed(data.seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    total = max(1, epochs * batches_per_epoch(data.train))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    best = Checkpoint(network)
    best.offer(validation_error(network, corrupt, data))
    step = 0
    for _ in range(epochs):
        for rows in shuffled(data.train, order):
            x = data.train.floats(rows, device=data.device)
            loss = nn.functional.mse_loss(network(corrupt(x, noise[rows.to(data.device)].at(step))), x)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            report(step / total)
        best.offer(validation_error(network, corrupt, data))
    best.restore()
    return best.loss


def validation_error(network: nn.Module, corrupt: Corrupt, data: FitData) -> float:
    """Mean squared error per pixel on the validation images, with the same noise whenever it is asked."""
    total = torch.zeros((), dtype=torch.float64, device=data.device)
    with torch.no_grad():
        for x, _, index in data.validation.batches(_EVALUATION_BATCH, device=data.device):
            noise = Noise.of(data.seed, index).stream("validation")
            total += (network(corrupt(x, noise)) - x).square().mean((1, 2, 3)).sum()
    return float(total) / len(data.validation)


def shuffled(samples: LabeledImages, order: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of one epoch in an order drawn from `order`, `BATCH` at a time, dropping a short last batch.

    A set smaller than a batch is one batch.
    """
    rows = torch.randperm(len(samples), generator=order)
    yield from rows[: batches_per_epoch(samples) * BATCH].split(BATCH)


def batches_per_epoch(samples: LabeledImages) -> int:
    """How many batches `shuffled` gives."""
    return max(1, len(samples) // BATCH)
