"""Adversarial images that live on from epoch to epoch, each with a purified copy of itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise

Purification = Callable[[Tensor, Noise], Tensor]
"""Images [B, C, H, W] in [0, 1] and noise → the images a little purer."""


class PersistentAdversaries:
    """One adversary and one purified sample for each training image; both begin at the image.

    A move takes BPDA's gradient, that of the loss at the purified sample, steps the adversary along it within the ball,
    moves the purified sample as far, and purifies that a little more. So with one purification step a move a sample
    has been purified as often as it was moved.

    Args:
        train: The images.
        purification: A few steps of the purifier.
        epsilon: L∞ radius of the ball around each image.
        step_size: Length of a step along the sign, or factor of the gradient, both on pixels in [0, 1].
        sign: Step along the sign of the gradient rather than the gradient.
        rejuvenation: Probability that an adversary and its sample begin again at the image before a move.
    """

    def __init__(
        self,
        train: LabeledImages,
        purification: Purification,
        *,
        epsilon: float,
        step_size: float,
        sign: bool,
        rejuvenation: float,
    ) -> None:
        self._purification = purification
        self._epsilon = epsilon
        self._step_size = step_size
        self._sign = sign
        self._rejuvenation = rejuvenation
        self._images = train
        # On the CPU, whatever the device: two images for each one of the training.
        self.adversaries = train.floats()
        self.purified = self.adversaries.clone()

    def move(self, model: nn.Module, rows: Tensor, labels: Tensor, noise: Noise) -> Tensor:
        """Move those of some images, `rows` of the training images on the CPU, and give their purified samples."""
        x = self._images.floats(rows, device=labels.device)
        again = noise.stream("rejuvenation").uniform((1, 1, 1)) < self._rejuvenation
        adversary = torch.where(again, x, self.adversaries[rows].to(x))
        purified = torch.where(again, x, self.purified[rows].to(x))
        lowest, highest = (x - self._epsilon).clamp(min=0), (x + self._epsilon).clamp(max=1)
        moved = (adversary + self._step(model, purified, labels)).clamp(lowest, highest)
        purified = self._purification((purified + moved - adversary).clamp(0, 1), noise.stream("purification"))
        self.adversaries[rows], self.purified[rows] = moved.cpu(), purified.cpu()
        return purified

    def _step(self, model: nn.Module, purified: Tensor, labels: Tensor) -> Tensor:
        purified = purified.detach().requires_grad_(True)
        with frozen(model):
            loss = cross_entropy(model(purified), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, purified)
        return self._step_size * (gradient.sign() if self._sign else gradient)
