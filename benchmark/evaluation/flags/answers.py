"""Comparing a model's answers."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

ROUNDING = 1e-4
"""How far L2-normalised logits may differ by rounding alone (AutoAttack's own tolerance)."""


def difference(first: Tensor, second: Tensor) -> float:
    """Largest difference between two answers [N, K], each scaled to unit L2 norm so that a temperature plays no part.

    NaN or infinite logits differ from everything.
    """
    if not bool(first.isfinite().all()) or not bool(second.isfinite().all()):
        return 2.0
    return float((normalize(first.double(), dim=1) - normalize(second.double(), dim=1)).abs().max())
