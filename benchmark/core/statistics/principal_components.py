"""Standardised features in few directions, where distances and densities can still be estimated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_RELATIVE_NOISE = 1e-6
"""A channel or direction that varies by less than this share of its size holds only float32 rounding."""


@dataclass(frozen=True)
class PrincipalComponents:
    """An affine map to the leading principal components of standardised features.

    Attributes:
        mean: float64 [C] of the features that it was fitted on.
        axes: float64 [C, D]; each column is one component, in units of the channels' standard deviations.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, features: Tensor, components: int) -> PrincipalComponents:
        """Standardise each channel of `features` [n, C] and keep at most `components` directions that vary.

        Channels that do not vary are left out, as nothing is known of their scale. When nothing varies, D is 0.
        """
        features = features.double()
        mean, deviation = features.mean(0), features.std(0, correction=0)
        varies = deviation > _RELATIVE_NOISE * features.abs().amax(0)
        axes = features.new_zeros(features.shape[1], 0)
        if bool(varies.any()):
            standardised = (features[:, varies] - mean[varies]) / deviation[varies]
            variance, directions = torch.linalg.eigh(standardised.T @ standardised / len(features))
            kept = (variance > _RELATIVE_NOISE**2 * variance[-1]).nonzero().flatten().flip(0)[:components]
            axes = features.new_zeros(features.shape[1], len(kept))
            axes[varies] = directions[:, kept] / deviation[varies, None]
        return cls(mean, axes)

    def transform(self, features: Tensor) -> Tensor:
        """[N, C] → float64 [N, D], with a gradient."""
        return (features.double() - self.mean) @ self.axes

    def on(self, device: torch.device) -> PrincipalComponents:
        """This map on `device`."""
        return PrincipalComponents(self.mean.to(device), self.axes.to(device))
