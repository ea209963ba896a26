"""Class-conditional Gaussians that share one covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.core.arrays import Floats, Integers

_RELATIVE_NOISE = 1e-6
"""A channel that varies by less than this share of its size holds only float32 rounding."""
_LEAST_SHRINKAGE = 1e-6
"""Keeps the covariance invertible when channels repeat each other or images are few."""


@dataclass(frozen=True)
class TiedGaussian:
    """One mean a class and the Cholesky factor of the covariance within classes.

    Attributes:
        means: [K, C].
        factor: Lower-triangular [C, C] with covariance = factor · factorᵀ.
    """

    means: Floats
    factor: Floats

    @classmethod
    def fit(cls, values: Floats, labels: Integers, classes: int) -> TiedGaussian:
        """Class means, and the pooled covariance with Ledoit–Wolf shrinkage of the correlations.

        Shrinking correlations rather than covariances leaves the distance unchanged when a channel changes its unit.
        A channel that does not vary is uncorrelated with the rest and gets the layer's typical spread (1 when no
        channel varies), so an image that suddenly activates it is neither ignored nor infinitely far.

        Args:
            values: [n, C].
            labels: [n], each below `classes`; every class must occur.
            classes: K.
        """
        from sklearn.covariance import ledoit_wolf_shrinkage

        means, residuals = centre_classes(values, labels, classes)
        deviation = np.sqrt((residuals**2).mean(axis=0))
        constant = deviation <= _RELATIVE_NOISE * np.abs(values).max(axis=0)
        typical = np.sqrt((deviation[~constant] ** 2).mean()) if not constant.all() else 1.0
        scale = np.where(constant, typical, deviation)
        correlation = np.eye(len(scale))
        if not constant.all():
            standardised = residuals[:, ~constant] / scale[~constant]
            shrinkage = max(float(ledoit_wolf_shrinkage(standardised, assume_centered=True)), _LEAST_SHRINKAGE)
            varying = (1 - shrinkage) * (standardised.T @ standardised) / len(standardised)
            correlation[np.ix_(~constant, ~constant)] = varying
            np.fill_diagonal(correlation, 1.0)
        return cls(means, np.asarray(scale[:, None] * np.linalg.cholesky(correlation), dtype=np.float64))

    def squared_distances(self, values: Floats) -> Floats:
        """Squared Mahalanobis distance of each row of `values` [N, C] to each class mean: [N, K]."""
        whitened, means = self._whitened(values)
        return np.stack([((whitened - mean) ** 2).sum(axis=1) for mean in means], axis=1)

    def differentiable_distances(self, values: Tensor) -> Tensor:
        """`squared_distances` of float64 `values` [N, C] in torch, with a gradient: [N, K]."""
        factor, means = (torch.as_tensor(v, device=values.device) for v in (self.factor, self.means))
        centre = means.mean(0)
        both = torch.linalg.solve_triangular(factor, torch.cat([values - centre, means - centre]).T, upper=False).T
        whitened, whitened_means = both[: len(values)], both[len(values) :]
        squared: Tensor = (whitened[:, None, :] - whitened_means).square().sum(2)
        return squared

    def gradient(self, values: Floats) -> Floats:
        """Gradient of the squared distance to the closest class mean, 2 Σ⁻¹(x − μ): [N, C]."""
        from scipy.linalg import solve_triangular

        whitened, means = self._whitened(values)
        distances = np.stack([((whitened - mean) ** 2).sum(axis=1) for mean in means], axis=1)
        residuals = whitened - means[distances.argmin(axis=1)]
        return np.asarray(2 * solve_triangular(self.factor, residuals.T, lower=True, trans="T").T, dtype=np.float64)

    def _whitened(self, values: Floats) -> tuple[Floats, Floats]:
        from scipy.linalg import solve_triangular

        centre = self.means.mean(axis=0)
        both = np.concatenate([values - centre, self.means - centre])
        whitened = np.asarray(solve_triangular(self.factor, both.T, lower=True).T, dtype=np.float64)
        return whitened[: len(values)], whitened[len(values) :]


def centre_classes(values: Floats, labels: Integers, classes: int) -> tuple[Floats, Floats]:
    """Class means [K, C], and the values [n, C] with the mean of their own class taken off."""
    means = np.stack([values[labels == label].mean(axis=0) for label in range(classes)])
    return means, values - means[labels]
