"""What holds before and after every attack, whatever it does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.contract.outcome import AttackError
from attacks.geometry.ball import TOLERANCE, Ball, perturbation_size
from attacks.objectives.aim import Aim
from benchmark.core.threat import Norm


@dataclass(frozen=True)
class Handed:
    """Copies of the images and the aim, for an attack that may write into them.

    Attributes:
        x: Clean images [B, C, H, W].
        aim: What the attack is after.
    """

    x: Tensor
    aim: Aim

    @classmethod
    def copies(cls, x: Tensor, aim: Aim) -> Handed:
        """Of clean images `x` [B, C, H, W] and an aim that names its samples."""
        targets = None if aim.targets is None else aim.targets.clone()
        assert aim.sample_ids is not None
        return cls(x.detach().clone(), Aim(aim.labels.clone(), targets, aim.sample_ids.clone()))

    def untouched(self, x: Tensor, aim: Aim) -> bool:
        """Whether they still are what they were made of."""
        mine = (self.x, self.aim.labels, self.aim.targets, self.aim.sample_ids)
        given = (x, aim.labels, aim.targets, aim.sample_ids)
        return all(b is None if a is None else torch.equal(a, b) for a, b in zip(given, mine, strict=True))  # type: ignore[arg-type]


def within_reach(x: Tensor, ball: Ball) -> Tensor:
    """A nearest-image attack's result, with the clean image wherever it ended beyond the bound."""
    if x.shape != ball.center.shape:
        return x
    beyond = ball.size(x.clamp(0, 1)) > ball.epsilon * (1 + 1e-5) + TOLERANCE
    return torch.where(beyond.view(-1, 1, 1, 1), ball.center, x)


def checked(name: str, x: Tensor, ball: Ball) -> Tensor:
    """The images [B, C, H, W] that attack `name` submits, clamped to [0, 1].

    Raises:
        AttackError: They have another shape, are not finite, leave [0, 1] or the allowed ball.
    """
    if x.shape != ball.center.shape:
        raise AttackError(f"{name} returned shape {tuple(x.shape)} for images of shape {tuple(ball.center.shape)}")
    x = x.detach()
    if not bool(x.isfinite().all()):
        raise AttackError(f"{name} returned pixels that are not finite")
    if bool((x < -TOLERANCE).any()) or bool((x > 1 + TOLERANCE).any()):
        raise AttackError(f"{name} returned pixels outside [0, 1]")
    x = x.clamp(0, 1)
    if ball.norm is not Norm.SPATIAL:
        worst = float(perturbation_size(x - ball.center, ball.norm).max()) if len(x) else 0.0
        if worst > ball.epsilon * (1 + 1e-5) + TOLERANCE:
            raise AttackError(f"{name} left the {ball.norm.symbol} ball: {worst:.6g} > {ball.epsilon:.6g}")
    return x
