"""Comparing a model's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 1e-4
"""How far answers may differ by rounding alone (AutoAttack's own tolerance)."""


def difference(first: Tensor, second: Tensor) -> float:
    """Largest difference between two answers [N, K], in units of the typical size of the first.

    What is added to all classes alike is taken off, and the unit is the median L2 norm over the images, so that neither
    an offset nor a temperature plays a part. AutoAttack scales each image's logits to unit norm instead, which makes
    every answer [0, z] of a one-logit network look the same. NaN or infinite logits differ from everything.
    """
    if not bool(first.isfinite().all()) or not bool(second.isfinite().all()):
        return 1e9
    one, other = (answer.double() - answer.double().mean(1, keepdim=True) for answer in (first, second))
    size = one.norm(dim=1).median().clamp_min(1e-12)
    return float((one - other).abs().max() / size)
