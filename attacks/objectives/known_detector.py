"""A detector in the eyes of an attacker who knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from benchmark.core.features import Features


@dataclass(frozen=True)
class Watcher:
    """A fitted detector, its score in standard deviations above the median clean one, so that detectors compare.

    Attributes:
        name: The detector's name.
        score: (images [N, C, H, W] in [0, 1], their features, logits [N, K]) → [N], without a gradient.
        differentiable_score: (features, logits) → [N], through which gradients flow; None where the detector has none.
    """

    name: str
    score: Callable[[Tensor, Features, Tensor], Tensor]
    differentiable_score: Callable[[Features, Tensor], Tensor] | None = None
