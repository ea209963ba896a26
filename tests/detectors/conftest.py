"""Features drawn from known distributions, in the shape that detectors see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.testing.extraction import extract
from detectors.base import DetectorData, FeatureSet


class Synthetic:
    """Builds feature sets and the data a detector learns from, out of plain arrays."""

    def features(self, values, predictions=None, classes=2, layers=None):
        """A feature set with `values` [N, C] as penultimate features, and as its only layer unless given others."""
        values = np.asarray(values, dtype=np.float64)
        predictions = np.zeros(len(values), dtype=np.int64) if predictions is None else np.asarray(predictions)
        return FeatureSet(
            images=torch.zeros(len(values), 1, 2, 2),
            layers=(values,) if layers is None else tuple(layers),
            penultimate=values,
            logits=np.eye(classes)[predictions],
            classifier=nn.Identity(),
        )

    def data(self, reference, labels, clean, noisy, adversarial, seed=0):
        """Detector data from arrays [N, C]; adversarial images are predicted as class 0 unless made otherwise."""
        return DetectorData(
            reference=self.features(reference, labels),
            reference_labels=np.asarray(labels),
            clean=self.features(clean),
            noisy=self.features(noisy),
            adversarial=self.features(adversarial),
            groups=np.arange(len(clean)),
            seed=seed,
        )

    def gaussian(self, seed, *, rows=200, width=8, shift=3.0, reference=400):
        """Clean and noisy features alike; adversarial ones shifted away from both classes, up and down in turn."""
        rng = np.random.default_rng(seed)
        labels = np.arange(reference) % 2
        centres = np.stack([np.zeros(width), np.full(width, 2.0)])
        away = np.where(np.arange(width) % 2, 1.0, -1.0)

        def draw(classes, offset=0.0):
            return centres[classes] + rng.normal(size=(len(classes), width)) + offset * away

        rows = np.zeros(rows, dtype=np.int64)
        return self.data(draw(labels), labels, draw(rows), draw(rows), draw(rows, shift))


@pytest.fixture(scope="session")
def synthetic():
    return Synthetic()


@pytest.fixture(scope="session")
def network():
    """A small convolutional network with fixed random weights, in train mode as a user may leave it."""
    generator = torch.Generator().manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 10, 3, padding=1, stride=2),
        nn.BatchNorm2d(10),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(10, 2),
    )
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.4
    return net.train()


@pytest.fixture(scope="session")
def watch(network):
    """Images → the feature set of `network` in eval mode."""

    def watch(images):
        network.eval()
        features = extract(network, iter([images]))
        with torch.no_grad():
            logits = network(images)
        network.train()
        return FeatureSet(
            images=images,
            layers=tuple(layer.double().numpy() for layer in features.layers),
            penultimate=features.penultimate.double().numpy(),
            logits=logits.double().numpy(),
            classifier=network,
        )

    return watch


@pytest.fixture(scope="session")
def image_data(watch):
    """Detector data of real forward passes: two kinds of blob as reference, and a bright patch as the attack."""
    generator = torch.Generator().manual_seed(4)

    def blobs(count):
        return torch.rand(count, 1, 8, 8, generator=generator) * 0.5 + 0.25

    labels = np.arange(120) % 2
    reference = blobs(120)
    reference[labels == 1, :, :4] *= 0.3
    clean = blobs(30)
    attacked = clean.clone()
    attacked[:, :, 2:5, 2:5] = 1.0
    noisy = (clean + 0.02 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
    return DetectorData(
        reference=watch(reference),
        reference_labels=labels,
        clean=watch(clean),
        noisy=watch(noisy),
        adversarial=watch(attacked),
        groups=np.arange(30),
        seed=0,
    )
