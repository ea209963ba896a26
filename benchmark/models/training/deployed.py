"""A classifier as it is deployed: normalisation inside, two logits or more out, decision at the operating point."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.models.training.reading import Reading


class DeployedClassifier(nn.Module):
    """Images [B, C, H, W] in [0, 1] → logits [B, K], K ≥ 2, whose argmax is the deployed decision.

    A one-logit network's z becomes [0, z]. For two classes the operating threshold t moves the first logit by
    log(t / (1 − t)), so that class 1 has the larger logit exactly when its probability reaches t. Normalisation and
    threshold are buffers and travel with the weights.

    Probabilities (a softmax or sigmoid at the network's end) become logits only where `reading` says so: their
    gradients vanish where the network is sure, which hides attacks; `Reading.contradiction` finds such a network.

    Args:
        network: Normalised images → raw logits [B, K], or one log-odds [B, 1] or [B] when `classes` is 2, or what
            `reading` makes these of.
        channels: Channels C of the images.
        classes: K.
        mean, std: [C] taken off the pixels; by default 0 and 1.
        rgb: The network takes three channels; grayscale images are repeated to three.
        reading: How the network's outputs become logits.
    """

    mean: Tensor
    std: Tensor
    operating_logit: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        channels: int,
        classes: int,
        mean: Tensor | None = None,
        std: Tensor | None = None,
        rgb: bool = False,
        reading: Reading | None = None,
    ) -> None:
        super().__init__()
        if classes < 2:
            raise UserError(f"a classifier of {classes} class", remedy="use data with at least two classes")
        if rgb and channels not in (1, 3):
            raise UserError(
                f"images of {channels} channels cannot enter an RGB network",
                where=type(network).__name__,
                remedy="use grayscale or RGB images",
            )
        self.network = network
        self.channels = channels
        self.classes = classes
        self.rgb = rgb
        self.reading = Reading() if reading is None else reading
        self.register_buffer("mean", torch.zeros(channels, 1, 1) if mean is None else mean.view(channels, 1, 1).clone())
        self.register_buffer("std", torch.ones(channels, 1, 1) if std is None else std.view(channels, 1, 1).clone())
        self.register_buffer("operating_logit", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, K] at the operating point; raises UserError on a wrong number of channels or logits."""
        logits = self.raw_logits(x)
        if self.classes != 2:
            return logits
        return torch.stack([logits[:, 0] + self.operating_logit, logits[:, 1]], dim=1)

    def raw_logits(self, x: Tensor) -> Tensor:
        """Logits [B, K] whose softmax is the network's probability, before the operating threshold."""
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise UserError(
                f"images of shape {tuple(x.shape)} came where [B, {self.channels}, H, W] is expected",
                where=type(self.network).__name__,
                remedy="use the data the classifier was made for, or train it again",
            )
        x = (x - self.mean) / self.std
        if self.rgb and self.channels == 1:
            x = x.expand(-1, 3, -1, -1)
        output: Tensor = self.network(x)
        if not isinstance(output, Tensor):
            raise UserError(
                f"the network gave {type(output).__name__}, not a tensor",
                where=type(self.network).__name__,
                remedy=f"let it return logits of shape [B, {self.classes}]",
            )
        output = self.reading(output, where=type(self.network).__name__)
        rows = x.shape[0]
        if self.classes == 2 and output.shape in ((rows,), (rows, 1)):
            odds = output.reshape(rows)
            return torch.stack([torch.zeros_like(odds), odds], dim=1)
        if output.shape != (rows, self.classes):
            raise UserError(
                f"the network gave outputs of shape {tuple(output.shape)} for {rows} images, {self.classes} classes",
                where=type(self.network).__name__,
                remedy=f"let it return logits of shape [B, {self.classes}]",
            )
        return output

    def normalize(self, mean: Tensor, std: Tensor) -> None:
        """Take `mean` off the pixels and divide them by `std` from now on, each [C]."""
        self.mean.copy_(mean.view_as(self.mean))
        self.std.copy_(std.view_as(self.std))

    @property
    def operating_threshold(self) -> float | None:
        """Probability at which the model says class 1; None for more than two classes (argmax)."""
        if self.classes != 2:
            return None
        return 1 / (1 + math.exp(-float(self.operating_logit)))

    def set_operating_logit(self, logit: float) -> None:
        """Say class 1 from log-odds `logit` = log(t / (1 − t)) upwards; 0 is the argmax of the network.

        Raises:
            UserError: More than two classes, or not a finite number.
        """
        if self.classes != 2 or not math.isfinite(logit):
            raise UserError(
                f"operating log-odds {logit} for {self.classes} classes", remedy="give a finite number and two classes"
            )
        self.operating_logit.fill_(logit)
