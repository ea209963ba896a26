"""A Gaussian mixture whose components share one covariance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmark.core.arrays import Floats


class GaussianMixture:
    """Gaussian mixture with one shared covariance: log weights [K], means [K, C], whitening [C, C] (W Wᵀ = Σ⁻¹)."""

    def __init__(self, log_weights: Tensor, means: Tensor, whitening: Tensor) -> None:
        self.log_weights = log_weights
        self.means = means
        self.whitening = whitening

    @classmethod
    def fit(cls, samples: Floats, components: int) -> GaussianMixture:
        """From `samples` [n, C]; the covariance within components has Ledoit–Wolf shrinkage."""
        from sklearn import mixture as mixtures
        from sklearn.covariance import ledoit_wolf

        if components == 1:
            weights, means, assigned = np.ones(1), samples.mean(0, keepdims=True), np.zeros(len(samples), dtype=int)
        else:
            mixture = mixtures.GaussianMixture(components, covariance_type="diag", reg_covar=1e-6, random_state=0).fit(
                samples
            )
            weights, means, assigned = mixture.weights_, mixture.means_, mixture.predict(samples)
        covariance, _ = ledoit_wolf(samples - means[assigned], assume_centered=True)
        # Channels that never fire have no variance of their own; a floor keeps their distance finite.
        floor = 1e-6 * max(float(np.trace(covariance)) / len(covariance), 1e-12)
        factor = np.linalg.cholesky(np.linalg.inv(covariance + floor * np.eye(len(covariance))))
        return cls(*(torch.from_numpy(np.asarray(v)).float() for v in (np.log(weights + 1e-300), means, factor)))

    def on(self, like: Tensor) -> GaussianMixture:
        """This mixture on the device and in the precision of `like`."""
        return GaussianMixture(*(v.to(like) for v in (self.log_weights, self.means, self.whitening)))

    def distance(self, x: Tensor) -> Tensor:
        """Squared Mahalanobis distance to the likeliest component: [B, C] → [B]."""
        white = (x[:, None, :] - self.means) @ self.whitening
        squared = white.square().sum(2)
        nearest = (self.log_weights - squared.detach() / 2).argmax(1)
        return squared.gather(1, nearest[:, None]).squeeze(1)
