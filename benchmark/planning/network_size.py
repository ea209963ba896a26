"""How large a network would be, without making it."""

from __future__ import annotations

import torch

from benchmark.core.errors import UserError
from benchmark.models.base import Classifier
from benchmark.models.given import Given
from benchmark.models.module import Module
from benchmark.models.training.loop import seeded

MOST_PARAMETERS = 10**9
"""Four gigabytes, and training needs four times as much."""


def refuse_too_large(classifier: Classifier, *, shape: tuple[int, int, int], classes: int, where: str) -> None:
    """Raise UserError where the settings of a classifier make a network of too many parameters; no memory is taken.

    A network that a user's function returns is not looked at: it is called where a failure is its own row's.

    Args:
        classifier: What is to be built.
        shape: Of an image: (C, H, W).
        classes: Number of classes.
        where: File and key, for messages.
    """
    if isinstance(classifier, (Module, Given)):
        return
    channels, height, width = shape
    try:
        with seeded(0, torch.device("cpu")), torch.device("meta"):
            network = classifier.build(
                channels=3 if classifier.rgb else channels, classes=classes, size=(height, width)
            )
            parameters = sum(p.numel() for p in network.parameters())
    except (Exception, SystemExit, GeneratorExit):
        # Not every network can be made without memory, and what else is wrong with it is told when it is made.
        return
    if parameters > MOST_PARAMETERS:
        raise UserError(
            f"{classifier!r} has {parameters:,} parameters",
            where=where,
            remedy=f"choose settings that make {MOST_PARAMETERS:,} or fewer",
        )
