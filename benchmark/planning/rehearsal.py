"""Asking somebody else's network once, before any work is spent on it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmark.core.apart import NoAnswerError, answer_apart
from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.ownership import is_strange
from benchmark.models.base import Classifier
from benchmark.models.given import Given
from benchmark.models.module import Module
from benchmark.models.training.classifier import assemble, complete
from benchmark.models.training.quality import Quality, quality_of
from benchmark.steps.context import fingerprint

_PATIENCE = 600.0
"""Seconds that building and asking a network may take: its author's function may load weights."""

_ENOUGH = 256
"""Validation images that a network is shown at most."""


@dataclass(frozen=True)
class Rehearsal:
    """What a network that is not the project's own showed before any work.

    Attributes:
        parameters: How many it has.
        weights: Hash of what it will be used with; empty where it is to be trained.
        quality: What it gets right of some validation images; None where it is to be trained.
    """

    parameters: int
    weights: str = ""
    quality: Quality | None = None


def rehearse(classifier: Classifier, data: ImageData, *, seed: int, where: str) -> Rehearsal | None:
    """Build a classifier that is not the project's own and show it images, in a process of its own.

    One that is to be trained is shown two black images; one with weights of its own, validation images.

    Args:
        classifier: It.
        data: The images.
        seed: Of what it draws as it is built.
        where: The place in the suite, for messages.

    Returns:
        What it showed; None for the project's own.

    Raises:
        UserError: It cannot be built, does not give one row of logits an image, or its weights do not fit it.
    """
    if not (is_strange(classifier) or isinstance(classifier, (Module, Given))):
        return None

    def ask() -> str:
        return json.dumps(asdict(_asked(classifier, data, seed)))

    try:
        told: dict[str, Any] = json.loads(answer_apart(ask, seconds=_PATIENCE))
    except NoAnswerError as error:
        raise UserError(
            f"classifier {classifier.name!r} cannot be built and asked ({error})",
            where=f"{where}.factory" if isinstance(classifier, Module) else where,
            remedy="let it be a torch.nn.Module that takes images [B, C, H, W] and gives logits [B, classes]",
        ) from error
    quality = told.pop("quality")
    return Rehearsal(**told, quality=None if quality is None else Quality(**quality))


def _asked(classifier: Classifier, data: ImageData, seed: int) -> Rehearsal:
    shape, classes, cpu = data.train.shape, len(data.classes), torch.device("cpu")
    deployed = assemble(classifier, shape=shape, classes=classes, seed=seed).eval()
    parameters = sum(p.numel() for p in deployed.network.parameters())
    with torch.no_grad():
        deployed(torch.zeros(2, *shape))
    if classifier.trains:
        return Rehearsal(parameters)
    deployed.normalize(*classifier.normalization(data.train))
    classifier.initialize(deployed.network)
    if not len(data.validation):
        return Rehearsal(parameters, fingerprint(deployed.network))
    shown = _some(data.validation)
    complete(classifier, deployed, shown, device=cpu)
    return Rehearsal(parameters, fingerprint(deployed.network), quality_of(deployed, shown, device=cpu))


def _some(images: LabeledImages) -> LabeledImages:
    """Every n-th image of each class, so that every class is among them."""
    every = -(-len(images) // _ENOUGH)
    kept = [(images.labels == k).nonzero().flatten()[::every] for k in images.labels.unique()]
    return images[torch.cat(kept).sort().values]
