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
        means: float64 [K, C].
        factor: Lower-triangular float64 [C, C] with covariance = factor · factorᵀ.
    """

    means: Tensor
    factor: Tensor

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
        return cls(torch.from_numpy(means), torch.from_numpy(scale[:, None] * np.linalg.cholesky(correlation)))

    def squared_distances(self, values: Tensor) -> Tensor:
        """Squared Mahalanobis distance of each row of `values` [N, C] to each class mean, with a gradient: [N, K]."""
        whitened, means = self._whitened(values)
        squared: Tensor = (whitened[:, None, :] - means).square().sum(2)
        return squared

    def gradient(self, values: Tensor) -> Tensor:
        """Gradient of the squared distance to the closest class mean, 2 Σ⁻¹(x − μ): [N, C]."""
        whitened, means = self._whitened(values)
        closest = (whitened[:, None, :] - means).square().sum(2).argmin(1)
        residuals = whitened - means[closest]
        return 2 * torch.linalg.solve_triangular(self.factor.T, residuals.T, upper=True).T

    def on(self, device: torch.device) -> TiedGaussian:
        """This distribution on `device`."""
        return TiedGaussian(self.means.to(device), self.factor.to(device))

    def _whitened(self, values: Tensor) -> tuple[Tensor, Tensor]:
        centre = self.means.mean(0)
        both = torch.cat([values.double() - centre, self.means - centre])
        whitened = torch.linalg.solve_triangular(self.factor, both.T, upper=False).T
        return whitened[: len(values)], whitened[len(values) :]


def centre_classes(values: Floats, labels: Integers, classes: int) -> tuple[Floats, Floats]:
    """Class means [K, C], and the values [n, C] with the mean of their own class taken off."""
    means = np.stack([values[labels == label].mean(axis=0) for label in range(classes)])
    return means, values - means[labels]
