"""Local intrinsic dimension: how fast the number of neighbours grows with distance."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.arrays import Floats

_SAME_POINT = 1e-5
"""A neighbour nearer than this share of the k-th distance is the query itself, met again with float32 rounding."""
_CHUNK_ELEMENTS = 4_000_000


def local_dimension(queries: Tensor, reference: Tensor, neighbours: int) -> Tensor:
    """Unbiased maximum-likelihood estimate (k − 2) / Σ_{i<k} ln(r_k / r_i) from the k nearest reference points.

    For points spread uniformly in a d-dimensional ball around the query the estimate has mean d and standard
    deviation d / √(k − 3). It does not change when all features are scaled. Reference points that coincide with the
    query are passed over and the next ones taken, so a query that is itself in the reference is estimated like one
    that is not. Where all neighbours are equally far the dimension has no upper bound and 10·C is returned; where
    fewer than three differ from the query it is 0. There it has no gradient; elsewhere it is that of the distances.

    Args:
        queries: [N, C].
        reference: [m, C], m ≥ k.
        neighbours: k ≥ 3.

    Returns:
        [N], between 0 and 10·C.
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


def local_dimensions(queries: Floats, reference: Floats, neighbours: int) -> Floats:
    """`local_dimension` of as many arrays as there are, a part at a time: [N, C] → [N]."""
    known = torch.from_numpy(reference)
    parts = torch.from_numpy(queries).split(max(1, _CHUNK_ELEMENTS // len(reference)))
    estimates: Floats = torch.cat([local_dimension(part, known, neighbours) for part in parts]).numpy()
    return estimates


def _nearest(queries: Tensor, reference: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """(rows of the k nearest reference points [N, k], which of them differ from the query: bool [N, k])."""
    distances = torch.cdist(queries, reference, compute_mode="donot_use_mm_for_euclid_dist")
    distances = torch.where(distances == 0, torch.full_like(distances, float("inf")), distances)
    kth = distances.kthvalue(neighbours, dim=1).values
    farthest = torch.where(distances.isfinite(), distances, torch.zeros_like(distances)).amax(1)
    same = distances <= _SAME_POINT * torch.minimum(kth, farthest)[:, None]
    found = torch.where(same, torch.full_like(distances, float("inf")), distances).topk(neighbours, 1, largest=False)
    return found.indices, found.values.isfinite()
