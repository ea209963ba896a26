"""Gaussian kernel density in log space, and a bandwidth for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.core.arrays import Floats

_CHUNK_ELEMENTS = 4_000_000
_HELD_OUT_SHARE, _HELD_OUT_MOST = 0.2, 500
_CANDIDATES = 31


@dataclass(frozen=True)
class KernelDensity:
    """The mean of isotropic Gaussian kernels, p(x) = (1/n) Σ_i N(x; c_i, h² I).

    Attributes:
        centres: float64 [n, D], n ≥ 1.
        bandwidth: Standard deviation h > 0 of each kernel, in the units of the features.
    """

    centres: Tensor
    bandwidth: float

    def log_density(self, queries: Tensor) -> Tensor:
        """Ln p in nats, with a gradient: [N, D] → float64 [N].

        By log-sum-exp: in hundreds of dimensions the density itself underflows to 0.
        """
        return _from_squares(squared_distances(queries, self.centres), self.bandwidth, self.centres.shape[1])

    def log_densities(self, queries: Floats) -> Floats:
        """`log_density` of as many arrays as there are, a part at a time: [N, D] → [N]."""
        parts = torch.from_numpy(queries).split(max(1, _CHUNK_ELEMENTS // len(self.centres)))
        densities: Floats = torch.cat([self.log_density(part) for part in parts]).numpy()
        return densities

    def left_out(self) -> Tensor:
        """Ln p of each centre under all the others: float64 [n], n ≥ 2."""
        squares = squared_distances(self.centres, self.centres).fill_diagonal_(float("inf"))
        count, dimension = self.centres.shape
        return _from_squares(squares, self.bandwidth, dimension) + math.log(count / (count - 1))

    def on(self, device: torch.device) -> KernelDensity:
        """This density on `device`."""
        return KernelDensity(self.centres.to(device), self.bandwidth)


def squared_distances(queries: Tensor, centres: Tensor) -> Tensor:
    """Squared distance of each of N to each of n points, with a gradient: float64 [N, n].

    Expanded, so that no [N, n, D] array is built; in float64, since the squares cancel for close points.
    """
    a, b = queries.double(), centres.double()
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * (a @ b.T)).clamp_min(0)


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
    squares = [squared_distances(torch.from_numpy(one), torch.from_numpy(other)) for one, other in splits]
    if not squares:
        return 1.0
    dimension = splits[0][0].shape[1]
    nearest = math.sqrt(float(np.median(torch.cat([s.amin(1) for s in squares]).numpy())) / dimension)
    spread = math.sqrt(float(torch.cat([s.mean(1) for s in squares]).mean()) / dimension)
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


def _from_squares(squares: Tensor, bandwidth: float, dimension: int) -> Tensor:
    kernels = squares / (-2 * bandwidth**2)
    return kernels.logsumexp(1) - 0.5 * dimension * math.log(2 * math.pi * bandwidth**2) - math.log(squares.shape[1])
