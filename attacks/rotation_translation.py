"""Rotation–translation: small rigid motions of the image."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from attacks.base import Attempt, Stop
from attacks.geometry.ball import Ball
from attacks.geometry.warp import pixel_positions, read_at
from attacks.searches.candidates import CandidateSearch
from attacks.victim import Oracle
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Count, Whole
from benchmark.core.threat import Epsilon, Norm

MOST_MOTIONS = 10**6
"""Their grid is in memory."""


class RotationTranslation(CandidateSearch):
    """Rotates and shifts the image, over a grid or at random, and submits the worst: natural, and far away in any norm.

    The bound is `degrees` and `pixels`; ε is not used, except that ε = 0 allows no motion. Bilinear, about the centre
    of the image, zeros (black) from beyond the border.

    Args:
        degrees: Largest rotation to either side.
        pixels: Largest shift along either axis.
        angles: Grid values of the rotation, evenly spaced.
        shifts: Grid values of each shift, evenly spaced.
        draws: 0 for the grid; otherwise as many random motions per image ("worst of k").
    """

    name = "rotation-translation"
    source = "Engstrom et al. 2019, Exploring the landscape of spatial robustness, section 3 (grid search, worst-of-k)"
    norms = frozenset({Norm.SPATIAL})

    def __init__(
        self,
        *,
        degrees: Annotated[float, Interval(ge=0, le=180)] = 30.0,
        pixels: Annotated[float, Interval(ge=0, le=1024)] = 3.0,
        angles: Count = 31,
        shifts: AtOnce = 5,
        draws: Whole = 0,
    ) -> None:
        self.degrees = degrees
        self.pixels = pixels
        self.angles = angles
        self.shifts = shifts
        self.draws = draws

    def check_settings(self) -> None:
        """Raise UserError for more motions than can be held at once."""
        if self.count() > MOST_MOTIONS:
            raise UserError(
                f"{self.count():,} motions of angles · shifts² or draws",
                where=f"attack {self.name!r}",
                remedy=f"give {MOST_MOTIONS:,} or fewer in all",
            )

    def count(self) -> int:
        return self.draws or self.angles * self.shifts**2

    def budget(self) -> str:
        return f"{self.count()} {'random' if self.draws else 'grid'} motions"

    def bound(self, norm: Norm, epsilon: Epsilon) -> str:
        return f"rotation by at most {self.degrees:g}° and shifts of at most {self.pixels:g} pixels"

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        return Attempt(x) if victim.ball.epsilon == 0 else super().run(victim, x, noise, stop)

    def candidates(self, ball: Ball, noise: Noise, numbers: Tensor) -> Tensor:
        images, count = ball.center, len(numbers)
        if self.draws:
            unit = 2 * self.drawn_for(noise, count).uniform((3,)) - 1
        else:
            unit = self._grid(images.device)[numbers].repeat(images.shape[0], 1)
        angle, shift = unit[:, 0] * math.radians(self.degrees), unit[:, 1:] * self.pixels
        moved = moved_rigidly(images.repeat_interleave(count, 0), angle, shift)
        return moved.unflatten(0, (images.shape[0], count))

    def _grid(self, device: torch.device) -> Tensor:
        """Every (angle, shift down, shift right) as shares of the largest, small motions first: [count, 3]."""
        angles, shifts = (_evenly(count, device) for count in (self.angles, self.shifts))
        grid = torch.cartesian_prod(angles, shifts, shifts)
        return grid[grid.square().sum(1).argsort(stable=True)]


def moved_rigidly(images: Tensor, angle: Tensor, shift: Tensor) -> Tensor:
    """Images [B, C, H, W] turned counter-clockwise by `angle` [B] (radians), then shifted [B, 2] (down, right)."""
    height, width = images.shape[2:]
    center = images.new_tensor([(height - 1) / 2, (width - 1) / 2])
    # Where a pixel comes from: the motion undone.
    row, column = (pixel_positions(images) - center - shift[:, None, None]).unbind(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    positions = torch.stack([cos * row + sin * column, cos * column - sin * row], dim=3) + center
    return read_at(images, positions, outside="zeros")


def _evenly(count: int, device: torch.device) -> Tensor:
    return torch.linspace(-1, 1, count, device=device) if count > 1 else torch.zeros(1, device=device)
