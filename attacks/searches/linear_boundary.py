"""The decision boundary as a plane: which wrong class is nearest, and where its boundary runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.searches.minimum_norm import look
from attacks.searches.stepwise import State
from attacks.victim import Observation, Victim
from benchmark.core.features import Features
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class RivalState(State):
    """A search among some wrong classes.

    Attributes:
        rivals: Those classes, in the order of their logits on the clean image: int64 [B, R].
    """

    rivals: Tensor


def likely_rivals(victim: Victim, noise: Noise, limit: int) -> Tensor:
    """The `limit` wrong classes with the largest logits on the clean images, or the target alone: int64 [B, R]."""
    if victim.aim.targets is not None:
        return victim.aim.targets[:, None]
    logits = look(victim, victim.ball.center, noise).logits
    ranked = logits.scatter(1, victim.aim.labels[:, None], float("-inf")).argsort(dim=1, descending=True, stable=True)
    return ranked[:, : max(1, min(limit, logits.shape[1] - 1))]


class LogitGap(Objective):
    """Logit of the wanted class minus that of the true one: the boundary between these two is where it is zero."""

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        assert aim.targets is not None
        return _gap(logits, aim)


@dataclass(frozen=True)
class Boundary:
    """The linearised boundary to the nearest wrong class, {z : gap + normal · (z − x) = 0}.

    Attributes:
        gap: Logit of that class minus that of the true one, at x: [B].
        normal: Its gradient: [B, C, H, W]; zero where the model has none.
        seen: The answer about x.
    """

    gap: Tensor
    normal: Tensor
    seen: Observation


def linearize(victim: Victim, x: Tensor, rivals: Tensor, noise: Noise) -> Boundary:
    """The nearest of the boundaries to `rivals` [B, R] at `x`, in the norm of the victim's ball.

    One gradient per rival, all with the same random draws. Written with the difference of two logits, it is the same
    for two classes, for one logit made into two and for many.
    """
    best = x.new_full((x.shape[0],), float("inf"))
    gap, normal = torch.zeros_like(best), torch.zeros_like(x)
    for column in range(rivals.shape[1]):
        aim = Aim(victim.aim.labels, rivals[:, column], victim.aim.sample_ids)
        towards = victim.towards(LogitGap(), pursued=aim)
        gradient = towards.gradient(x, noise)
        seen = towards.observed
        value = _gap(seen.logits, aim)
        distance = value.abs() / dual_norm(gradient, victim.ball.norm)
        closer = distance < best
        best = torch.where(closer, distance, best)
        gap = torch.where(closer, value, gap)
        normal = torch.where(closer.view(-1, 1, 1, 1), gradient, normal)
    return Boundary(gap, normal, seen)


def movable(gradient: Tensor, x: Tensor) -> Tensor:
    """The gradient without pixels that it pushes out of [0, 1] and that cannot follow: X-rays have black borders."""
    stuck = ((x <= 0) & (gradient < 0)) | ((x >= 1) & (gradient > 0))
    return gradient.masked_fill(stuck, 0)


def dual_norm(gradient: Tensor, norm: Norm) -> Tensor:
    """The fastest growth of a linear function with this gradient per unit of perturbation: [B], above zero."""
    flat = gradient.flatten(1).abs()
    dual = {Norm.LINF: flat.sum(1), Norm.L2: flat.norm(dim=1)}.get(norm, flat.amax(1))
    return dual.clamp_min(torch.finfo(dual.dtype).tiny)


def _gap(logits: Tensor, aim: Aim) -> Tensor:
    assert aim.targets is not None
    both = logits.gather(1, torch.stack([aim.targets, aim.labels], dim=1))
    return both[:, 0] - both[:, 1]
