"""Kernel density of clean features, and an objective that stays where it is high."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import Evasion, wanted_class
from benchmark.core.errors import UserError
from benchmark.core.features import Features
from benchmark.core.settings import Count, NotNegative, Positive

_RELATIVE_NOISE = 1e-6
"""A channel or direction that varies by less than this share holds only float32 rounding."""
_MOST_CENTRES = 5000


class TargetDensity(Evasion):
    """Another objective, and once it has its way minus weight · relu(−log p_t(z) − c): features z likely for class t.

    The two phases of Carlini and Wagner's attack on kernel densities (2017), each step in the one that its image has
    reached; the KDE attack of Yao et al. 2021, table 3. Penultimate features are standardised and reduced to their
    leading principal components; p_t is a mean of Gaussian kernels on the clean training features of the wanted class.
    c is what is typical: the median −log p_t of that class's own images, each left out of its own density. Below it
    nothing is gained, so the attack does not overshoot.

    Args:
        base: The attack's own objective.
        weight: Of the penalty, which is in nats.
        components: Principal components kept, at most.
        bandwidth: Standard deviation of the kernel in standardised units; None for Scott's rule per class.
    """

    name = "kde-min"
    source = (
        "Carlini and Wagner 2017, Adversarial examples are not easily detected, the attack on kernel densities; "
        "as in Yao et al. 2021 (HFC), table 3"
    )
    once_reached = True

    def __init__(
        self,
        *,
        base: Objective | None,
        weight: NotNegative = 1.0,
        components: Count = 64,
        bandwidth: Positive | None = None,
    ) -> None:
        super().__init__(base=base, weight=weight)
        self.components = components
        self.bandwidth = bandwidth

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """One density per class; raises UserError for a class with fewer than two images or a setting ≤ 0."""
        assert features.penultimate is not None
        counts = torch.bincount(labels, minlength=classes)
        if int(counts.min()) < 2 or self.components < 1 or (self.bandwidth is not None and self.bandwidth <= 0):
            raise UserError(
                f"{int(counts.min())} images of class {int(counts.argmin())}, {self.components} components "
                f"and bandwidth {self.bandwidth} make no density",
                where=f"objective {self.name}",
                remedy="give two images a class and positive settings",
            )
        self.projection_ = Projection.fit(features.penultimate.double(), self.components)
        projected = self.projection_(features.penultimate)
        self.densities_ = [KernelDensity.fit(projected[labels == c], self.bandwidth) for c in range(classes)]

    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        """max(0, −log p_t(z) − c) in nats: [B]."""
        assert features.penultimate is not None
        z = features.penultimate
        self.projection_ = self.projection_.on(z.device)
        self.densities_ = [density.on(z.device) for density in self.densities_]
        projected = self.projection_(z)
        excess = torch.stack([-d.log_density(projected) - d.typical for d in self.densities_], dim=1)
        return excess.gather(1, wanted_class(logits, aim)[:, None]).squeeze(1).clamp_min(0).to(z.dtype)


@dataclass(frozen=True)
class Projection:
    """Standardised features in their leading principal components: mean [C], axes [C, D], float64."""

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, features: Tensor, components: int) -> Projection:
        """From float64 features [n, C]; channels and directions that do not vary are left out."""
        mean, deviation = features.mean(0), features.std(0)
        varies = deviation > _RELATIVE_NOISE * features.abs().amax(0)
        axes = features.new_zeros(features.shape[1], 0)
        if bool(varies.any()):
            standardised = (features[:, varies] - mean[varies]) / deviation[varies]
            variance, directions = torch.linalg.eigh(standardised.T @ standardised / (len(features) - 1))
            kept = (variance > _RELATIVE_NOISE**2 * variance[-1]).nonzero().flatten().flip(0)[:components]
            axes = features.new_zeros(features.shape[1], len(kept))
            axes[varies] = directions[:, kept] / deviation[varies, None]
        return cls(mean, axes)

    def __call__(self, features: Tensor) -> Tensor:
        """[N, C] → float64 [N, D]."""
        return (features.double() - self.mean) @ self.axes

    def on(self, device: torch.device) -> Projection:
        """This projection on `device`."""
        return Projection(self.mean.to(device), self.axes.to(device))


@dataclass(frozen=True)
class KernelDensity:
    """A mean of isotropic Gaussian kernels.

    Attributes:
        centres: float64 [n, D].
        bandwidth: Standard deviation of each kernel.
        typical: Median −log density of the centres, each left out of its own density, in nats.
    """

    centres: Tensor
    bandwidth: float
    typical: float

    @classmethod
    def fit(cls, points: Tensor, bandwidth: float | None) -> KernelDensity:
        """From points [n, D]; Scott's rule n^(−1/(D+4)) times their root mean variance where there is no bandwidth."""
        if len(points) > _MOST_CENTRES:
            points = points[torch.linspace(0, len(points) - 1, _MOST_CENTRES).long()]
        count, dimension = points.shape
        if bandwidth is None:
            spread = math.sqrt(float(points.var(0).mean())) if dimension else 0.0
            bandwidth = (spread or 1.0) * count ** (-1 / (dimension + 4))
        alone = cls(points, bandwidth, 0.0)
        kernels = alone._kernels(points).fill_diagonal_(float("-inf"))
        left_out = alone._normalised(kernels.logsumexp(1), count - 1)
        return cls(points, bandwidth, -float(left_out.median()))

    def log_density(self, queries: Tensor) -> Tensor:
        """In nats, ln (1/n) Σ_i N(x; c_i, h² I), never leaving log space, where it would underflow: [N, D] → [N]."""
        return self._normalised(self._kernels(queries).logsumexp(1), len(self.centres))

    def on(self, device: torch.device) -> KernelDensity:
        """This density on `device`."""
        return KernelDensity(self.centres.to(device), self.bandwidth, self.typical)

    def _kernels(self, queries: Tensor) -> Tensor:
        squares = queries.square().sum(1, keepdim=True) + self.centres.square().sum(1) - 2 * queries @ self.centres.T
        return squares / (-2 * self.bandwidth**2)

    def _normalised(self, total: Tensor, count: int) -> Tensor:
        return total - 0.5 * self.centres.shape[1] * math.log(2 * math.pi * self.bandwidth**2) - math.log(count)
