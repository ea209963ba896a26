"""Local intrinsic dimension of features with a gradient, and an objective that keeps it low."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.aim import Aim
from attacks.camouflage import Camouflage
from attacks.objectives import Objective
from benchmark.errors import UserError
from benchmark.features import Features

_SAME_POINT = 1e-5
"""A neighbour nearer than this share of the k-th distance is the query itself, met again with float32 rounding."""
_ROWS = 64


class LocalDimension(Camouflage):
    """Another objective minus weight × the mean over layers of LID_l(x) / (what is typical of clean images).

    The LID attack of Ma et al.'s authors, as in Yao et al. 2021, table 3. Neighbours come from one fixed set of clean
    training images and are found again at every step; the gradient is that of the distances to them.

    Args:
        base: The attack's own objective.
        weight: Of the mean relative dimension, which is about 1 for clean images.
        neighbours: k.
        reference_size: Clean training images kept, at most.
    """

    name = "lid-min"

    def __init__(
        self, *, base: Objective | None, weight: float = 1.0, neighbours: int = 20, reference_size: int = 1000
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
        device = logits.device
        self.reference_ = [reference.to(device) for reference in self.reference_]
        self.typical_ = self.typical_.to(device)
        layers = zip(features.layers, self.reference_, strict=True)
        dimensions = torch.stack([local_dimension(f, reference, self.neighbours) for f, reference in layers], dim=1)
        return (dimensions / self.typical_).mean(1)


def local_dimension(queries: Tensor, reference: Tensor, neighbours: int) -> Tensor:
    """(k − 2) / Σ_{i<k} ln(r_k / r_i) from the k nearest reference points that are not the query, with a gradient.

    Where all of them are equally far it is 10·C, and where fewer than three differ from the query it is 0, as in the
    detector; there it has no gradient.

    Args:
        queries: [N, C].
        reference: [m, C], m ≥ k.
        neighbours: k ≥ 3.

    Returns:
        [N].
    """
    nearest, present = _nearest(queries.detach(), reference, neighbours)
    # Differences of the few neighbours alone: an [N, m, C] graph would not fit, and expanded squares would cancel.
    squares = (queries[:, None, :] - reference[nearest]).square().sum(2)
    logs = torch.where(present, squares, torch.ones_like(squares)).log() / 2
    farthest = torch.where(present, logs, torch.full_like(logs, float("-inf"))).amax(1, keepdim=True)
    growth = torch.where(present, farthest - logs, torch.zeros_like(logs)).sum(1)
    numerator = (present.sum(1) - 2).clamp_min(0).to(growth)
    highest = 10.0 * queries.shape[1]
    return numerator / torch.maximum(growth, numerator.clamp_min(1) / highest)


def _nearest(queries: Tensor, reference: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """(rows of the k nearest reference points [N, k], which of them differ from the query: bool [N, k])."""
    distances = torch.cdist(queries, reference, compute_mode="donot_use_mm_for_euclid_dist")
    distances = torch.where(distances == 0, torch.full_like(distances, float("inf")), distances)
    kth = distances.kthvalue(neighbours, dim=1).values
    farthest = torch.where(distances.isfinite(), distances, torch.zeros_like(distances)).amax(1)
    same = distances <= _SAME_POINT * torch.minimum(kth, farthest)[:, None]
    found = torch.where(same, torch.full_like(distances, float("inf")), distances).topk(neighbours, 1, largest=False)
    return found.indices, found.values.isfinite()
