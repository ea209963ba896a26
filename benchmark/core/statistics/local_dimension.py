"""Local intrinsic dimension: how fast the number of neighbours grows with distance."""

from __future__ import annotations

import numpy as np

from benchmark.core.arrays import Floats

_SAME_POINT = 1e-5
"""A neighbour nearer than this share of the k-th distance is the query itself, met again with float32 rounding."""
_CHUNK_ELEMENTS = 4_000_000


def local_intrinsic_dimension(queries: Floats, reference: Floats, neighbours: int) -> Floats:
    """Unbiased maximum-likelihood estimate (k − 2) / Σ_{i<k} ln(r_k / r_i) from the k nearest reference points.

    For points spread uniformly in a d-dimensional ball around the query the estimate has mean d and standard
    deviation d / √(k − 3). It does not change when all features are scaled. Reference points that coincide with the
    query are passed over and the next ones taken, so a query that is itself in the reference is estimated like one
    that is not. Where all neighbours are equally far the dimension has no upper bound and 10·C is returned; where
    fewer than three differ from the query it is 0.

    Args:
        queries: [N, C].
        reference: [m, C], m ≥ k.
        neighbours: k ≥ 3.

    Returns:
        [N], between 0 and 10·C.
    """
    estimates = np.empty(len(queries))
    size = max(1, _CHUNK_ELEMENTS // len(reference))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        estimates[rows] = _estimate(_nearest(queries[rows], reference, neighbours), 10.0 * queries.shape[1])
    return estimates


def _nearest(queries: Floats, reference: Floats, neighbours: int) -> Floats:
    """Distances to the k nearest points that are not the query, ascending; infinite where there are fewer: [N, k]."""
    from scipy.spatial.distance import cdist

    # Computed from differences: |x|² + |y|² − 2xy would cancel for close neighbours.
    distances = np.asarray(cdist(queries, reference), dtype=np.float64)
    distances[distances == 0] = np.inf
    kth = np.partition(distances, neighbours - 1, axis=1)[:, neighbours - 1]
    farthest = np.where(np.isfinite(distances), distances, 0).max(axis=1)
    distances[distances <= _SAME_POINT * np.minimum(kth, farthest)[:, None]] = np.inf
    return np.sort(np.partition(distances, neighbours - 1, axis=1)[:, :neighbours], axis=1)


def _estimate(distances: Floats, highest: float) -> Floats:
    present = np.isfinite(distances)
    found = present.sum(axis=1)
    largest = np.where(present, distances, 0).max(axis=1)
    ratios = np.divide(largest[:, None], distances, out=np.ones_like(distances), where=present)
    growth = np.log(ratios).sum(axis=1)
    numerator = np.maximum(found - 2, 0)
    return np.asarray(numerator / np.maximum(growth, np.maximum(numerator, 1) / highest), dtype=np.float64)
