"""Local intrinsic dimension in every layer, combined by logistic regression."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.settings import Count, Neighbours
from benchmark.core.statistics.local_dimension import local_dimension, local_dimensions
from detectors.base import Detector, DetectorData, FeatureSet, Floats
from detectors.fitting.adversarial_regression import (
    adversarial_labels,
    decision,
    differentiable_decision,
    fit_regression,
)
from detectors.fitting.preconditions import finite, require_adversarial


class LocalIntrinsicDimension(Detector):
    """Log-odds of being adversarial from the local intrinsic dimension of each layer's channel means.

    Follows Ma et al. 2018, algorithm 1, without three faults of its implementation: neighbours come from one fixed
    set of clean training images instead of a mini-batch that holds the query's own clean twin; no neighbour is dropped
    unless it coincides with the query; and the estimator is unbiased. Each of these alone moves the AUC of harmless
    images away from one half.

    Args:
        neighbours: k nearest reference images that one estimate rests on.
        reference_size: Reference images kept, drawn by the seed; the time to score grows with it.
    """

    name = "lid"
    source = "Ma et al., Characterizing adversarial subspaces using local intrinsic dimensionality, ICLR 2018, alg. 1"
    supervised = True
    minimum_reference = 21
    version = 2

    def __init__(self, *, neighbours: Neighbours = 20, reference_size: Count = 1000) -> None:
        self.neighbours = neighbours
        self.reference_size = reference_size

    def fit(self, data: DetectorData) -> None:
        """Keep the reference, and fit the regression on the AdvTrain images.

        Raises:
            UserError: There are fewer reference images than neighbours, or nothing to learn from.
        """
        available = min(len(data.reference), self.reference_size)
        if not 3 <= self.neighbours < available:
            raise UserError(
                f"neighbours is {self.neighbours}, but must be at least 3 and below the {available} reference images",
                where="detector lid",
                remedy="change neighbours or reference_size, or give more training images",
            )
        require_adversarial(data, where="detector lid")
        rng = np.random.default_rng(data.seed)
        rows = np.sort(rng.choice(len(data.reference), size=available, replace=False))
        self.reference_ = [finite(layer, where="detector lid")[rows] for layer in data.reference.layers]
        dimensions = np.concatenate([self.dimensions(s) for s in (data.clean, data.noisy, data.adversarial)])
        self.regression_ = fit_regression(dimensions, adversarial_labels(len(data.clean)))

    def dimensions(self, features: FeatureSet) -> Floats:
        """Local intrinsic dimension of each image in each layer: [N, L]."""
        return np.stack(
            [
                local_dimensions(finite(layer, where="detector lid"), reference, self.neighbours)
                for layer, reference in zip(features.layers, self.reference_, strict=True)
            ],
            axis=1,
        )

    def score(self, features: FeatureSet) -> Floats:
        """Log-odds of being adversarial: [N]."""
        return decision(self.regression_, self.dimensions(features))

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor:
        """The same log-odds, in torch; the gradient is that of the distances to the nearest reference images."""
        dimensions = [
            local_dimension(layer.double(), torch.as_tensor(reference, device=layer.device), self.neighbours)
            for layer, reference in zip(layers, self.reference_, strict=True)
        ]
        return differentiable_decision(self.regression_, torch.stack(dimensions, dim=1))
