"""Which perturbation bounds make sense on images of a given shape."""

from __future__ import annotations

import math

from benchmark.core.errors import UserError
from benchmark.core.threat import Epsilon, Norm


def perturbation_bound(written: str | float, norm: Norm, shape: tuple[int, ...], *, where: str) -> Epsilon:
    """The bound as written.

    Args:
        written: ε, such as "8/255".
        norm: How it is measured.
        shape: Of an image: (C, H, W).
        where: File and key, for messages.

    Raises:
        UserError: It is no number, 0, which allows nothing, or more than allows every image.
    """
    epsilon = Epsilon.parse(written, where=where)
    if epsilon.value == 0:
        raise UserError("epsilon 0 allows no perturbation", where=where, remedy="give more than 0")
    largest = _largest(norm, shape)
    # √d is seldom written to the last digit.
    if epsilon.value > largest * (1 + 1e-3):
        raise UserError(
            f"epsilon {epsilon} allows more than every image of {'×'.join(map(str, shape))} in {norm.symbol}",
            where=where,
            remedy=_meant(epsilon, norm) + f"give {largest:g} or less",
        )
    return epsilon


def _meant(epsilon: Epsilon, norm: Norm) -> str:
    """A guess at who counts in pixel values from 0 to 255."""
    counted = norm is Norm.LINF and 1 < epsilon.value <= 255 and epsilon.value.is_integer()
    return f'did you mean "{epsilon.value:g}/255"? else ' if counted else ""


def _largest(norm: Norm, shape: tuple[int, ...]) -> float:
    """The bound that every image in [0, 1] meets; for flows, the longer side."""
    values, pixels = math.prod(shape), math.prod(shape[1:])
    return {
        Norm.LINF: 1.0,
        Norm.L2: math.sqrt(values),
        Norm.L1: float(values),
        Norm.L0: float(pixels),
        Norm.SPATIAL: float(max(shape[1:])),
    }[norm]
