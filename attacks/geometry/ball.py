"""The set of images an attacker may submit: a norm ball around the clean image, cut with [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from benchmark.core.noise import Noise
from benchmark.core.threat import Norm

TOLERANCE = 1e-6
"""How far float32 rounding may carry a projected image past its bound."""


def perturbation_size(delta: Tensor, norm: Norm) -> Tensor:
    """The norm of each perturbation: [B, C, H, W] → [B]. L0 counts pixels, whatever their channels."""
    flat = delta.flatten(1)
    if norm is Norm.LINF:
        return flat.abs().amax(1)
    if norm is Norm.L2:
        return flat.norm(dim=1)
    if norm is Norm.L1:
        return flat.abs().sum(1)
    if norm is Norm.L0:
        return (delta != 0).any(1).flatten(1).sum(1).to(delta.dtype)
    raise ValueError(f"{norm} perturbations have no size in pixel space")


@dataclass(frozen=True)
class Ball:
    """All images within `epsilon` of `center` (measured by `norm`) whose pixels are in [0, 1].

    Attributes:
        norm: L∞, L2, L1 or L0.
        epsilon: Radius on pixels in [0, 1]; a number of pixels for L0.
        center: Clean images [B, C, H, W].
    """

    norm: Norm
    epsilon: float
    center: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Ball:
        return replace(self, center=self.center[rows])

    def project(self, x: Tensor) -> Tensor:
        """A nearest allowed image (for L1 and L2: projection on the ball, then on the box)."""
        if self.norm is Norm.LINF:
            return x.clamp(*self.limits)
        delta = (x - self.center).flatten(1)
        if self.norm is Norm.L2:
            delta = delta * (self.epsilon / delta.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp(max=1)
        elif self.norm is Norm.L1:
            delta = onto_l1_ball(delta, self.epsilon)
        elif self.norm is Norm.L0:
            delta = _largest_pixels(delta.view_as(x), int(self.epsilon)).flatten(1)
        else:
            raise ValueError(f"no projection for {self.norm}")
        return (self.center + delta.view_as(x)).clamp(0, 1)

    def shown(self, x: Tensor) -> Tensor:
        """The images that the model is asked about where a search stands at `x`: those themselves."""
        return x

    @cached_property
    def limits(self) -> tuple[Tensor, Tensor]:
        """The lowest and the highest allowed value of each pixel, for L∞."""
        return (self.center - self.epsilon).clamp_min(0), (self.center + self.epsilon).clamp_max(1)

    def random(self, noise: Noise) -> Tensor:
        """A random allowed image: uniform in the L∞ ball, uniform in direction and volume for L2, L1-projected else."""
        shape = self.center.shape[1:]
        if self.norm is Norm.LINF:
            delta = (noise.uniform(shape) * 2 - 1) * self.epsilon
        elif self.norm is Norm.L2:
            direction = noise.normal(shape).flatten(1)
            radius = noise.stream("radius").uniform((1,)) ** (1 / direction.shape[1]) * self.epsilon
            delta = (direction / direction.norm(dim=1, keepdim=True) * radius).view_as(self.center)
        else:
            delta = noise.normal(shape) * self.epsilon
        return self.project(self.center + delta)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The direction of unit size in which a linear function with this gradient grows fastest."""
        if self.norm is Norm.LINF:
            return gradient.sign()
        flat = gradient.flatten(1)
        if self.norm is Norm.L2:
            return (flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-12)).view_as(gradient)
        if self.norm is Norm.L1:
            # A single coordinate would be steepest; the top percent moves together, as in sparse L1 descent.
            count = max(1, flat.shape[1] // 100)
            top = flat.abs().topk(count, dim=1).indices
            direction = torch.zeros_like(flat).scatter(1, top, flat.gather(1, top).sign())
            return (direction / count).view_as(gradient)
        raise ValueError(f"no steepest direction for {self.norm}")

    def size(self, x: Tensor) -> Tensor:
        """Distance of each image from its clean image: [B]."""
        return perturbation_size(x - self.center, self.norm)


def onto_l1_ball(delta: Tensor, radius: float) -> Tensor:
    """Euclidean projection on the L1 ball by sorting (Duchi et al. 2008, figure 1)."""
    magnitude = delta.abs()
    ordered = magnitude.sort(dim=1, descending=True).values
    rank = torch.arange(1, delta.shape[1] + 1, device=delta.device)
    threshold = (ordered.cumsum(1) - radius) / rank
    last = (ordered > threshold).sum(1, keepdim=True).clamp_min(1) - 1
    shrink = threshold.gather(1, last).clamp_min(0)
    shrink = torch.where(magnitude.sum(1, keepdim=True) <= radius, torch.zeros_like(shrink), shrink)
    return delta.sign() * (magnitude - shrink).clamp_min(0)


def _largest_pixels(delta: Tensor, count: int) -> Tensor:
    strength = delta.abs().sum(1).flatten(1)
    keep = torch.zeros_like(strength).scatter(1, strength.topk(min(count, strength.shape[1]), dim=1).indices, 1.0)
    return delta * keep.view(delta.shape[0], 1, *delta.shape[2:])
