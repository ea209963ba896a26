"""Kernel density of the penultimate features under the predicted class."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.settings import Count, Positive
from benchmark.core.statistics.kernel_density import choose_bandwidth, log_density, squared_distances
from benchmark.core.statistics.principal_components import PrincipalComponents
from detectors.base import Detector, DetectorData, FeatureSet, Floats
from detectors.fitting.preconditions import finite, require_classes


class KernelDensity(Detector):
    """Negative log density of the penultimate features under the class that the classifier predicts.

    Follows Feinman et al. 2017: one Gaussian kernel density a class on clean training features, queried with the
    predicted class. Two departures make the estimate mean something in hundreds of dimensions: features are
    standardised and reduced to their leading principal components, and the bandwidth, which the paper tunes per data
    set, maximises the likelihood of held-out reference images. Densities stay in log space: they would underflow.

    Args:
        components: Principal components kept, at most.
        bandwidth: Standard deviation of the kernel in units of the standardised features; None chooses it.

    Attributes:
        bandwidth_: The bandwidth used.
    """

    name = "kd"
    source = "Feinman, Curtin, Shintre, Gardner, Detecting adversarial samples from artifacts, 2017, section 4.1"

    def __init__(self, *, components: Count = 64, bandwidth: Positive | None = None) -> None:
        self.components = components
        self.bandwidth = bandwidth

    def fit(self, data: DetectorData) -> None:
        """Fit one density a class on the reference images.

        Raises:
            UserError: A class has fewer than two reference images, or a setting is not positive.
        """
        if self.components < 1 or (self.bandwidth is not None and not 0 < self.bandwidth < np.inf):
            raise UserError(
                f"components is {self.components} and bandwidth is {self.bandwidth}; both must be positive",
                where="detector kd",
                remedy="give positive numbers, or leave bandwidth out to have it chosen",
            )
        require_classes(data, minimum=self.minimum_reference, where="detector kd")
        features = finite(data.reference.penultimate, where="detector kd")
        self.projection_ = PrincipalComponents.fit(features, self.components)
        projected = self.projection_.transform(features)
        classes = data.reference.logits.shape[1]
        self.centres_ = [projected[data.reference_labels == label] for label in range(classes)]
        self.bandwidth_ = self.bandwidth or choose_bandwidth(self.centres_, seed=data.seed)

    def score(self, features: FeatureSet) -> Floats:
        """−log p(features | predicted class), in nats: [N]."""
        projected = self.projection_.transform(finite(features.penultimate, where="detector kd"))
        predictions = features.predictions
        scores = np.empty(len(features))
        for label, centres in enumerate(self.centres_):
            rows = predictions == label
            scores[rows] = -log_density(projected[rows], centres, self.bandwidth_)
        return scores

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor:
        """The same −log p(features | predicted class), in torch."""
        z = penultimate.double()
        mean, axes = (torch.as_tensor(v, device=z.device) for v in (self.projection_.mean, self.projection_.axes))
        projected, predictions = (z - mean) @ axes, logits.argmax(1)
        spread = 2 * self.bandwidth_**2
        by_class = []
        for points in self.centres_:
            centres = torch.as_tensor(points, device=z.device)
            kernels = squared_distances(projected, centres) / -spread
            normalisation = 0.5 * centres.shape[1] * math.log(math.pi * spread) + math.log(len(centres))
            by_class.append(normalisation - kernels.logsumexp(1))
        return torch.stack(by_class, dim=1).gather(1, predictions[:, None]).squeeze(1)
