"""Standardised features in few directions, where distances and densities can still be estimated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.core.arrays import Floats

_RELATIVE_NOISE = 1e-6
"""A channel or direction that varies by less than this share of its size holds only float32 rounding."""


@dataclass(frozen=True)
class PrincipalComponents:
    """An affine map to the leading principal components of standardised features.

    Attributes:
        mean: [C] of the features that it was fitted on.
        axes: [C, D]; each column is one component, in units of the channels' standard deviations.
    """

    mean: Floats
    axes: Floats

    @classmethod
    def fit(cls, features: Floats, components: int) -> PrincipalComponents:
        """Standardise each channel of `features` [n, C] and keep at most `components` directions that vary.

        Channels that do not vary are left out, as nothing is known of their scale. When nothing varies, D is 0.
        """
        mean = features.mean(axis=0)
        deviation = features.std(axis=0)
        varies = deviation > _RELATIVE_NOISE * np.abs(features).max(axis=0)
        axes = np.zeros((features.shape[1], 0))
        if varies.any():
            standardised = (features[:, varies] - mean[varies]) / deviation[varies]
            directions = _leading_directions(standardised, components)
            axes = np.zeros((features.shape[1], directions.shape[1]))
            axes[varies] = directions / deviation[varies, None]
        return cls(mean, axes)

    def transform(self, features: Floats) -> Floats:
        """[N, C] → [N, D]."""
        return np.asarray((features - self.mean) @ self.axes, dtype=np.float64)


def _leading_directions(standardised: Floats, components: int) -> Floats:
    from sklearn.decomposition import PCA

    samples, channels = standardised.shape
    # Neither solver draws random numbers; the first never builds a matrix larger than channels × channels.
    solver = "covariance_eigh" if samples > channels else "full"
    pca = PCA(min(components, samples, channels), svd_solver=solver).fit(standardised)
    variance = np.asarray(pca.explained_variance_)
    kept = variance > _RELATIVE_NOISE**2 * variance[0]
    return np.asarray(pca.components_[kept].T, dtype=np.float64)
