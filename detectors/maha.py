"""Mahalanobis distance to the closest class in every layer, combined by logistic regression."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.core.defended import MINIMUM_ROWS
from benchmark.core.errors import UserError
from benchmark.core.features import recording
from benchmark.core.frozen import frozen
from benchmark.core.settings import Share
from benchmark.core.statistics.gaussian import TiedGaussian
from detectors.base import Detector, DetectorData, FeatureSet, Floats
from detectors.fitting.adversarial_regression import (
    adversarial_labels,
    decision,
    differentiable_decision,
    fit_regression,
)
from detectors.fitting.preconditions import finite, require_adversarial, require_classes

_ROWS = 64
_ROUNDING = 1e-3
"""Largest difference, as a share of the layer's largest value, between two passes over one image."""


class Mahalanobis(Detector):
    """Log-odds of being adversarial from each layer's squared distance to the closest class mean.

    Follows Lee et al. 2018, algorithm 1: class means and one covariance a layer on clean training features, an input
    step that brings the image closer to that mean before its distance is taken, a regression over layers. Departures:
    the covariance is shrunk (Ledoit–Wolf), because an unshrunk one puts held-out clean images far away when images
    are few and channels many, and a pseudo-inverse ignores whole directions; the regression standardises distances.

    Args:
        magnitude: Length m of the input step x − m · sign(∇ d²), on pixels in [0, 1]; the same for every image. The
            default is the one that HFC evaluates against. It costs one backward and one forward pass a layer, and
            needs a classifier that sees the images as they are; 0 takes the features as they are, at no pass.
    """

    name = "maha"
    version = 2
    source = (
        "Lee, Lee, Lee, Shin, A simple unified framework for detecting out-of-distribution samples and adversarial "
        "attacks, NeurIPS 2018, algorithm 1"
    )
    supervised = True

    def __init__(self, *, magnitude: Share = 0.0005) -> None:
        self.magnitude = magnitude

    def fit(self, data: DetectorData) -> None:
        """Fit a Gaussian a layer on the reference images, and the regression on the AdvTrain images.

        Raises:
            UserError: A class has fewer than two reference images, there is nothing to learn from, or the magnitude
                is negative.
        """
        if not 0 <= self.magnitude < np.inf:
            raise UserError(
                f"magnitude is {self.magnitude}", where="detector maha", remedy="give 0 or a small positive number"
            )
        require_classes(data, minimum=self.minimum_reference, where="detector maha")
        require_adversarial(data, where="detector maha")
        classes = data.reference.logits.shape[1]
        self.gaussians_ = [
            TiedGaussian.fit(finite(layer, where="detector maha"), data.reference_labels, classes)
            for layer in data.reference.layers
        ]
        distances = np.concatenate([self.distances(s) for s in (data.clean, data.noisy, data.adversarial)])
        self.regression_ = fit_regression(distances, adversarial_labels(len(data.clean)))

    def distances(self, features: FeatureSet) -> Floats:
        """Squared distance to the closest class mean, after the input step, of each image in each layer: [N, L].

        Raises:
            UserError: With an input step, the features are not what the classifier computes from the images, as
                behind a defense that purifies them.
        """
        moves = self.magnitude > 0 and len(features) > 0
        layers = self._layers_after_step(features) if moves else features.layers
        return np.stack(
            [
                gaussian.squared_distances(_tensor(layer)).amin(1).numpy()
                for gaussian, layer in zip(self.gaussians_, layers, strict=True)
            ],
            axis=1,
        )

    def score(self, features: FeatureSet) -> Floats:
        """Log-odds of being adversarial: [N]."""
        return decision(self.regression_, self.distances(features))

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor:
        """The log-odds that the detector gives without its input step, in torch.

        The step is at most a fraction of a grey level and every image takes it, so images rank nearly alike without.
        """
        distances = [
            gaussian.on(layer.device).squared_distances(layer).amin(1)
            for gaussian, layer in zip(self.gaussians_, layers, strict=True)
        ]
        return differentiable_decision(self.regression_, torch.stack(distances, dim=1))

    def _layers_after_step(self, features: FeatureSet) -> list[Floats]:
        batches = []
        for start in range(0, len(features), _ROWS):
            rows = slice(start, start + _ROWS)
            layers = [layer[rows] for layer in features.layers]
            batches.append(self._batch_after_step(features.images[rows], layers, features.classifier))
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def _batch_after_step(self, images: Tensor, layers: list[Floats], classifier: nn.Module) -> list[Floats]:
        """Each layer's features of the images that were moved for that layer: L arrays [B, C_l]."""
        parameter = next(classifier.parameters(), None)
        device = images.device if parameter is None else parameter.device
        missing = max(0, MINIMUM_ROWS - len(images))
        x = torch.cat([images, images[-1:].expand(missing, *images.shape[1:])]).to(device).requires_grad_()
        moved = []
        with frozen(classifier):
            with recording(classifier) as before:
                classifier(x)
            _require_same([_array(layer)[: len(images)] for layer in before.layers], layers)
            for index, (layer, gaussian) in enumerate(zip(before.layers, self.gaussians_, strict=True)):
                step = self.magnitude * _gradient(layer, gaussian, x).sign()
                with torch.no_grad(), recording(classifier) as after:
                    classifier(x - step)
                moved.append(_array(after.layers[index])[: len(images)])
        return moved


def _require_same(computed: list[Floats], given: list[Floats]) -> None:
    for index, (one, other) in enumerate(zip(computed, given, strict=True)):
        difference = float(np.abs(one - other).max())
        if difference > _ROUNDING * float(np.abs(other).max()) + np.finfo(np.float32).tiny:
            raise UserError(
                f"layer {index} of the features differs by {difference:.3g} from what the classifier computes",
                where="detector maha",
                remedy="set magnitude to 0: the input step cannot see through a defense that changes the image",
            )


def _gradient(layer: Tensor, gaussian: TiedGaussian, x: Tensor) -> Tensor:
    """Gradient of each image's squared distance to its closest mean, up to a positive factor per image."""
    upstream = gaussian.gradient(_tensor(_array(layer)))
    # Only signs are used, and float32 overflows where float64 did not.
    upstream = upstream / upstream.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    weights = upstream.to(layer)
    return torch.autograd.grad(layer, x, grad_outputs=weights, retain_graph=True)[0]


def _array(layer: Tensor) -> Floats:
    return layer.detach().cpu().double().numpy()


def _tensor(layer: Floats) -> Tensor:
    return torch.from_numpy(finite(layer, where="detector maha"))
