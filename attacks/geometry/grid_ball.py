"""The images within a ball that an 8-bit file can hold."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.geometry.ball import TOLERANCE, Ball
from attacks.geometry.stored import stored


class GridBall(Ball):
    """A ball in which the model is only ever shown images on the 8-bit grid.

    The search itself goes on between the steps of the grid, as if rounding had slope 1 (the straight-through estimator
    of Bengio et al. 2013), so that steps smaller than 1/510 add up in place of being rounded away.
    """

    def shown(self, x: Tensor) -> Tensor:
        """`x` with every pixel at a multiple of 1/255: within the ball where `x` is within it, else the nearest."""
        nearest = stored(x, self.center, self.norm, float("inf"))
        beyond = self.size(x) > self.epsilon * (1 + 1e-5) + TOLERANCE
        inside = stored(x, self.center, self.norm, self.epsilon)
        return torch.where(beyond.view(-1, 1, 1, 1), nearest, inside)
