"""Kernel density of the penultimate features under the predicted class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.settings import Count, Positive
from benchmark.core.statistics import kernel_density
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
    version = 2
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
        self.projection_ = PrincipalComponents.fit(torch.from_numpy(features), self.components)
        projected, labels = self.projection_.transform(torch.from_numpy(features)), data.reference_labels
        points = [projected[torch.from_numpy(labels == label)] for label in range(data.reference.logits.shape[1])]
        self.bandwidth_ = self.bandwidth or kernel_density.choose_bandwidth([p.numpy() for p in points], seed=data.seed)
        self.densities_ = [kernel_density.KernelDensity(p, self.bandwidth_) for p in points]

    def score(self, features: FeatureSet) -> Floats:
        """−log p(features | predicted class), in nats: [N]."""
        values = torch.from_numpy(finite(features.penultimate, where="detector kd"))
        projected = self.projection_.transform(values).numpy()
        scores = np.empty(len(features))
        for label, density in enumerate(self.densities_):
            rows = features.predictions == label
            scores[rows] = -density.log_densities(projected[rows])
        return scores

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor:
        """The same −log p(features | predicted class), with a gradient."""
        projected = self.projection_.on(penultimate.device).transform(penultimate)
        each = [-density.on(penultimate.device).log_density(projected) for density in self.densities_]
        return torch.stack(each, dim=1).gather(1, logits.argmax(1)[:, None]).squeeze(1)
