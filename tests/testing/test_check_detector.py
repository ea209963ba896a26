"""A detector that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from benchmark.testing import check_detector
from detectors.base import Detector
from detectors.kd import KernelDensity


class Distance(Detector):
    """Keeps its contract: distance of the last features from their mean."""

    name = "distance"
    source = "a test"

    def __init__(self, *, power: float = 1.0) -> None:
        self.power = power

    def fit(self, data):
        self.mean_ = data.reference.penultimate.mean(0)

    def score(self, features):
        return np.linalg.norm(features.penultimate - self.mean_, axis=1) ** self.power


class Supervised(Distance):
    """Keeps its contract, and learns from adversarial examples."""

    name = "direction"
    supervised = True

    def fit(self, data):
        self.mean_ = data.clean.penultimate.mean(0)
        self.direction_ = data.adversarial.penultimate.mean(0) - self.mean_

    def score(self, features):
        return (features.penultimate - self.mean_) @ self.direction_


class Differentiable(Distance):
    """Keeps its contract, and offers a gradient."""

    name = "differentiable"

    def differentiable_score(self, layers, penultimate, logits):
        return (penultimate - torch.from_numpy(self.mean_)).square().sum(1)


@pytest.mark.parametrize("detector", [Distance, Distance(power=2.0), Supervised, Differentiable, KernelDensity])
def test_a_sound_detector_passes(detector):
    check_detector(detector)


def changed(base=Distance, **attributes):
    return type("Changed", (base,), {"name": "changed", **attributes})


def ranks(self, features):
    return np.linalg.norm(features.penultimate - self.mean_, axis=1).argsort().argsort() / len(features)


def standardised(self, features):
    return features.penultimate[:, 0] - features.penultimate[:, 0].mean()


def stateful(self, features):
    self.seen_ = getattr(self, "seen_", 0) + len(features)
    return features.penultimate[:, 0] + self.seen_


def globally_random(self, features):
    return np.random.normal(size=len(features))  # noqa: NPY002


def unseeded(self, data):
    self.mean_ = data.reference.penultimate.mean(0) + np.random.default_rng().normal()


def in_place(self, data):
    data.reference.penultimate.__isub__(1)
    self.mean_ = data.reference.penultimate.mean(0)


def score_in_place(self, features):
    features.logits.sort(axis=1)
    return features.logits[:, 0].copy()


def peeking(self, data):
    self.mean_ = data.adversarial.penultimate.mean(0)


def memorising(self, data):
    self.mean_ = data.reference.penultimate[np.flatnonzero(data.reference_labels == 1)[5]]


def training_mode(self, features):
    features.classifier.train()
    return features.penultimate[:, 0].copy()


def upside_down(self, layers, penultimate, logits):
    return -(penultimate - torch.from_numpy(self.mean_)).square().sum(1)


def cut_off(self, layers, penultimate, logits):
    return (penultimate.detach() - torch.from_numpy(self.mean_)).square().sum(1)


def brightness_of_neighbours(self, features):
    """By place alone: the first half of the images is called adversarial."""
    return np.where(np.arange(len(features)) < len(features) / 2, 1.0, 0.0)


def on_the_grid(self, features):
    levels = features.images * 255
    return (levels - levels.round()).abs().flatten(1).mean(1).double().numpy()


def known_files(self, features):
    """Looks images up in the memory of the process, as one could in a file."""
    tensors = [t for t in gc.get_objects() if type(t) is torch.Tensor and t.dtype == torch.uint8 and t.dim() == 4]
    known = {image.numpy().tobytes() for tensor in tensors for image in tensor}
    stored = (features.images * 255).round().to(torch.uint8)
    return np.array([image.numpy().tobytes() not in known for image in stored], dtype=np.float64)


def keeping_a_graph(self, data):
    self.mean_ = data.reference.penultimate.mean(0)
    self.weight_ = torch.ones(2, requires_grad=True) * 2


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (changed(score=ranks), "another score among 5 images"),
        (changed(score=standardised), "another score among 5 images"),
        (changed(score=brightness_of_neighbours), "when the images are in another order"),
        (changed(score=stateful), "gives an image another score"),
        (changed(score=globally_random), "global random state of numpy while it scores"),
        (changed(fit=unseeded), "other scores when it is fitted again"),
        (changed(fit=in_place), "changes the features it is fitted on"),
        (changed(score=score_in_place), "changes the features it scores"),
        (changed(fit=peeking), "does not say `supervised = True`"),
        (changed(fit=memorising), "fails to fit: IndexError"),
        (changed(score=training_mode), "train or eval mode while it scores"),
        (changed(score=lambda self, features: features.penultimate), "not an array of shape [80]"),
        (changed(score=lambda self, features: features.penultimate[:, 0].tolist()), "with list of shape [80]"),
        (changed(score=lambda self, features: features.penultimate[:, 0] * np.nan), "NaN or infinite"),
        (changed(differentiable_score=upside_down), "ranks other images high (rank correlation -1.00)"),
        (changed(differentiable_score=cut_off), "fails to have its differentiable score differentiated"),
        (changed(differentiable_score=lambda self, a, b, c: b), "a differentiable score of shape [80, 16]"),
        (changed(source=""), "has no `source`"),
        (changed(score=on_the_grid), "not the same images rounded to 8 bits"),
        (changed(score=known_files), "from themselves moved by a pixel or mirrored (AUC 1.00)"),
        (changed(fit=keeping_a_graph), "fails to be copied once it is fitted"),
    ],
)
def test_what_is_broken_is_said(complaint, detector, said):
    text = complaint(check_detector, detector)
    assert text.startswith("detector 'changed' ")
    assert said in text


def test_scores_that_tell_clean_from_clean_are_found(complaint, monkeypatch):
    """The control compares two halves of clean images; here they are made to differ in what the detector reads."""
    from dataclasses import replace

    from benchmark.testing import detector

    found = detector.examples()
    one, other = found.clean_halves
    drifted = replace(other, penultimate=other.penultimate + 5 * other.penultimate.std(0))
    monkeypatch.setattr(detector, "examples", lambda: replace(found, clean_halves=(one, drifted)))
    assert "tells clean images from other clean images" in complaint(check_detector, Distance)
