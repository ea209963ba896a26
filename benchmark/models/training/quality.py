"""How good a classifier is on clean validation images, and whether that is too bad to be meant."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from benchmark.core.images import LabeledImages
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import predict
from benchmark.models.training.ranking import macro_auroc

_ONE_SIDED = 1.645
"""Of the normal distribution, 95 %."""


@dataclass(frozen=True)
class Quality:
    """What a classifier gets right on clean validation images, at its operating point.

    Attributes:
        images: How many there are.
        accuracy: Share that is right.
        balanced: The same as a mean over classes.
        error: Standard error of `balanced`, by the binomial distribution of each class.
        auroc: Macro AUROC, one against the rest; None where it is undefined.
        classes: K.
    """

    images: int
    accuracy: float
    balanced: float
    error: float
    auroc: float | None
    classes: int

    @property
    def doubt(self) -> str:
        """What a reader must be told of a network that is not told apart from guessing; empty where it is.

        It is where the one-sided 95 % bound of the balanced accuracy is at most 1/K, or the AUROC is below a half.
        """
        if self.balanced - _ONE_SIDED * self.error > 1 / self.classes and (self.auroc is None or self.auroc >= 0.5):
            return ""
        return (
            f"the network is no better than chance on clean validation images ({self}): is the order of the classes "
            "the one that it was trained with? the normalisation?"
        )

    def __str__(self) -> str:
        auroc = "" if self.auroc is None else f", AUROC {self.auroc:.3f}"
        return (
            f"accuracy {100 * self.accuracy:.1f} %, mean over classes {100 * self.balanced:.1f} %{auroc}, "
            f"{self.images:,} images"
        )


def quality_of(deployed: DeployedClassifier, images: LabeledImages, *, device: torch.device) -> Quality:
    """What `deployed` gets right of `images`, of which every class has some; raises UserError as `predict`."""
    logits = predict(deployed, images, device=device)
    right = logits.argmax(1) == images.labels
    of_classes = [right[images.labels == k].double() for k in range(deployed.classes)]
    shares = [(share.mean().item(), len(share)) for share in of_classes if len(share)]
    return Quality(
        images=len(images),
        accuracy=right.double().mean().item(),
        balanced=sum(share for share, _ in shares) / len(shares),
        error=math.sqrt(sum(share * (1 - share) / count for share, count in shares)) / len(shares),
        auroc=macro_auroc(logits, images.labels),
        classes=deployed.classes,
    )
