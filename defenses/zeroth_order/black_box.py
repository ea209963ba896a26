"""A classifier that can only be asked, and the loss that its answers give at a latent point."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages

_ROWS = 128
"""Images decoded and asked about at once; more than the processor's cache holds makes queries slower."""


class BlackBox:
    """Images in [0, 1] → logits, without gradients and without changing the classifier; every image is counted.

    Attributes:
        queries: Images asked about so far.
    """

    def __init__(self, classifier: nn.Module) -> None:
        self.queries = 0
        self._classifier = classifier

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W], detached."""
        self.queries += images.shape[0]
        with torch.no_grad(), frozen(self._classifier):
            logits: Tensor = self._classifier(images)
        return logits

    def labels(self, samples: LabeledImages, device: torch.device) -> Tensor:
        """The class that the classifier names for each image, [N], whatever the image's own label."""
        return torch.cat([self(x).argmax(1) for x, _, _ in samples.batches(_ROWS, device=device)])


class StabilityLoss:
    """l(z) = CE(f(Dec(z)), label), one query a point; the decoder counts as part of the black box.

    Args:
        black_box: f.
        decoder: Dec, latent vectors [N, d] → images; gets no gradient.
        labels: For each of the B samples, the class that z should keep, [B].
    """

    def __init__(self, black_box: BlackBox, decoder: nn.Module, labels: Tensor) -> None:
        self._black_box = black_box
        self._decoder = decoder
        self._labels = labels

    def __call__(self, points: Tensor) -> Tensor:
        """Losses [B, M] of points [B, M, d]."""
        probes = points.shape[1]
        labels = self._labels.repeat_interleave(probes)
        with torch.no_grad():
            losses = [
                nn.functional.cross_entropy(self._black_box(self._decoder(z)), label, reduction="none")
                for z, label in zip(points.flatten(0, 1).split(_ROWS), labels.split(_ROWS), strict=True)
            ]
        return torch.cat(losses).unflatten(0, (-1, probes))
