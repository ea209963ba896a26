"""An objective that keeps the local intrinsic dimension of features low."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import Evasion
from benchmark.core.errors import UserError
from benchmark.core.features import Features
from benchmark.core.settings import Count, Neighbours, NotNegative
from benchmark.core.statistics.local_dimension import local_dimension

_ROWS = 64


class LocalDimension(Evasion):
    """Another objective, and once it has its way minus weight × the mean over layers of LID_l(x) / (what is typical).

    Neighbours come from one fixed set of clean training images and are found again at every step; the gradient is that
    of the distances to them.

    Args:
        base: The attack's own objective.
        weight: Of the mean relative dimension, which is about 1 for clean images.
        neighbours: k.
        reference_size: Clean training images kept, at most.
    """

    name = "lid-min"
    source = (
        "Ma et al. 2018, Characterizing adversarial subspaces using local intrinsic dimensionality, adaptive attack; "
        "as in Yao et al. 2021 (HFC), table 3"
    )
    once_reached = True

    def __init__(
        self,
        *,
        base: Objective | None,
        weight: NotNegative = 1.0,
        neighbours: Neighbours = 20,
        reference_size: Count = 1000,
    ) -> None:
        super().__init__(base=base, weight=weight)
        self.neighbours = neighbours
        self.reference_size = reference_size

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """Keep the reference; raises UserError where it has no more images than neighbours."""
        total = len(labels)
        size = min(self.reference_size, total)
        if not 3 <= self.neighbours < size:
            raise UserError(
                f"{self.neighbours} neighbours among {size} reference images",
                where=f"objective {self.name}",
                remedy="give at least 3 neighbours and more reference images than that",
            )
        kept = torch.randperm(total, generator=torch.Generator().manual_seed(0))[:size].sort().values
        self.reference_ = [layer[kept] for layer in features.layers]
        typical = [
            torch.cat([local_dimension(part, reference, self.neighbours) for part in reference.split(_ROWS)]).mean()
            for reference in self.reference_
        ]
        # A layer in which nothing varies has dimension 0 everywhere and cannot be made more or less normal.
        self.typical_ = torch.stack(typical).clamp_min(1e-6)

    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        """(1/L) Σ_l LID_l / typical_l: [B]."""
        self.reference_ = [kept.to(layer) for kept, layer in zip(self.reference_, features.layers, strict=True)]
        self.typical_ = self.typical_.to(logits)
        layers = zip(features.layers, self.reference_, strict=True)
        dimensions = torch.stack([local_dimension(f, reference, self.neighbours) for f, reference in layers], dim=1)
        return (dimensions / self.typical_).mean(1)
