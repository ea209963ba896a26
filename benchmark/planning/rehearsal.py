"""Asking somebody else's network once, before any work is spent on it."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.apart import NoAnswerError, answer_apart
from benchmark.core.errors import UserError
from benchmark.core.ownership import is_strange
from benchmark.models.base import Classifier
from benchmark.models.given import Given
from benchmark.models.module import Module

_PATIENCE = 600.0
"""Seconds that building and asking a network may take: its author's function may load weights."""


def rehearse(classifier: Classifier, *, shape: tuple[int, int, int], classes: int, where: str) -> None:
    """Build a classifier that is not the project's own and show it two images, in a process of its own.

    Args:
        classifier: It.
        shape: (channels, height, width) of the images.
        classes: How many there are.
        where: The place in the suite, for messages.

    Raises:
        UserError: It cannot be built, or does not give one row of logits an image.
    """
    if not (is_strange(classifier) or isinstance(classifier, (Module, Given))):
        return

    def ask() -> str:
        from benchmark.models.training.classifier import assemble

        network = assemble(classifier, shape=shape, classes=classes).eval()
        with torch.no_grad():
            logits: Tensor = network(torch.zeros(2, *shape))
        return str(tuple(logits.shape))

    try:
        answer_apart(ask, seconds=_PATIENCE)
    except NoAnswerError as error:
        raise UserError(
            f"classifier {classifier.name!r} cannot be built and asked ({error})",
            where=f"{where}.factory" if isinstance(classifier, Module) else where,
            remedy="let it be a torch.nn.Module that takes images [B, C, H, W] and gives logits [B, classes]",
        ) from error
