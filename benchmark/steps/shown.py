"""A few images of an attack kept for people to look at: clean, and as the classifier saw what was submitted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor

from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise

SHOWN = 4
"""How many images."""


def shown_rows(labels: Tensor) -> Tensor:
    """Which images are shown: the first of each class, then the second of each, and so on, in their order; int64.

    Args:
        labels: Classes of the images that are right on clean input, in the run's order: int64 [N].
    """
    seen: dict[int, int] = {}
    turns = []
    for row, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], row))
    return torch.tensor(sorted(row for _, row in sorted(turns)[:SHOWN]), dtype=torch.int64)


def shown_images(
    model: DefendedModel,
    images: LabeledImages,
    submitted: Tensor,
    noise: Noise,
    *,
    purifier: bool,
    device: torch.device,
) -> dict[str, Tensor]:
    """What a step keeps of them: `shown`, their numbers among the attacked images, and uint8 [n, C, H, W] pictures.

    Args:
        model: The defended model.
        images: The images that were attacked.
        submitted: What the attack made of them: [N, C, H, W].
        noise: Random numbers of the verdict; of a decision by votes the first draw is shown.
        purifier: Whether `purified` is kept, too.
        device: Where the model is.
    """
    rows = shown_rows(images.labels)
    kept = {"shown": rows, "clean": images.pixels[rows]}
    if purifier:
        votes = model.votes if model.randomized else 1
        # A picture must not take the numbers with it; a model that cannot answer here failed at its verdict.
        with suppress(Exception), frozen(model), torch.no_grad():
            first = replace(noise, lanes=noise.lanes[rows].to(device)).repeat(votes)[::votes]
            seen = model.purify(submitted[rows].to(device), first).cpu().float()
            kept["purified"] = seen.nan_to_num().clamp(0, 1).mul(255).round().to(torch.uint8)
    return kept
