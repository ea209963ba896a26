"""Gaussian kernel density in log space, and a bandwidth for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from benchmark.core.arrays import Floats

_CHUNK_ELEMENTS = 4_000_000
_HELD_OUT_SHARE, _HELD_OUT_MOST = 0.2, 500
_CANDIDATES = 31


def log_density(queries: Floats, centres: Floats, bandwidth: float) -> Floats:
    """Log of the mean of isotropic Gaussian kernels: log (1/n) Σ_i N(x; c_i, h² I).

    Evaluated with log-sum-exp: in hundreds of dimensions the density itself underflows to 0.

    Args:
        queries: [N, D].
        centres: [n, D], n ≥ 1.
        bandwidth: Standard deviation h > 0 of each kernel, in the units of the features.

    Returns:
        [N], in nats.
    """
    densities = np.empty(len(queries))
    for rows in _chunks(len(queries), len(centres)):
        densities[rows] = _from_squares(_squared_distances(queries[rows], centres), bandwidth, queries.shape[1])
    return densities


def squared_distances(queries: Tensor, centres: Tensor) -> Tensor:
    """Squared distance of each of N to each of n points in torch, with a gradient: [N, n].

    Expanded, so that no [N, n, D] array is built; in float64, since the squares cancel for close points.
    """
    a, b = queries.double(), centres.double()
    return a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * (a @ b.T)


def choose_bandwidth(points_by_class: Sequence[Floats], *, seed: int) -> float:
    """The bandwidth under which held-out points of each class are likeliest given the others of their class.

    A fifth of each class (at most 500 points) is held out. Candidates run geometrically from a third of the typical
    distance to the nearest neighbour to three times the spread, both per dimension; below that range a density is a
    one-neighbour rule, above it a single Gaussian. Points that coincide count once, for each copy across the split
    would pull the bandwidth towards 0.

    Args:
        points_by_class: One [n_c, D] array a class.
        seed: Chooses the held-out points.

    Returns:
        h > 0; 1 when no class has two different points.
    """
    rng = np.random.default_rng(seed)
    splits = [split for points in points_by_class if (split := _split(points, rng)) is not None]
    squares = [_squared_distances(held_out, kept) for held_out, kept in splits]
    if not squares:
        return 1.0
    dimension = splits[0][0].shape[1]
    nearest = math.sqrt(float(np.median(np.concatenate([s.min(axis=1) for s in squares]))) / dimension)
    spread = math.sqrt(float(np.mean(np.concatenate([s.mean(axis=1) for s in squares]))) / dimension)
    candidates = np.geomspace(nearest / 3, 3 * spread, _CANDIDATES)
    likelihoods = [sum(float(_from_squares(s, h, dimension).sum()) for s in squares) for h in candidates]
    return float(candidates[int(np.argmax(likelihoods))])


def _split(points: Floats, rng: np.random.Generator) -> tuple[Floats, Floats] | None:
    scale = float(np.abs(points).max(initial=0.0)) or 1.0
    # Two passes over one image may differ in the last bits, so points are told apart to six digits.
    first_of_each = np.unique(np.round(points / scale, 6), axis=0, return_index=True)[1]
    distinct = points[np.sort(first_of_each)]
    if len(distinct) < 2:
        return None
    order = rng.permutation(len(distinct))
    held_out = min(_HELD_OUT_MOST, max(1, round(_HELD_OUT_SHARE * len(distinct))))
    return distinct[order[:held_out]], distinct[order[held_out:]]


def _from_squares(squares: Floats, bandwidth: float, dimension: int) -> Floats:
    from scipy.special import logsumexp

    kernels = squares / (-2 * bandwidth**2)
    normalisation = 0.5 * dimension * math.log(2 * math.pi * bandwidth**2) + math.log(squares.shape[1])
    return np.asarray(logsumexp(kernels, axis=1) - normalisation, dtype=np.float64)


def _squared_distances(queries: Floats, centres: Floats) -> Floats:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(queries, centres, "sqeuclidean"), dtype=np.float64)


def _chunks(rows: int, columns: int) -> list[slice]:
    size = max(1, _CHUNK_ELEMENTS // max(1, columns))
    return [slice(start, start + size) for start in range(0, rows, size)]
