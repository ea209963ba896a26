"""The contract of a detector."""

from __future__ import annotations

import dataclasses
import math
from copy import deepcopy

import numpy as np
import torch

from benchmark.core.arrays import Floats
from benchmark.core.errors import UserError
from benchmark.evaluation.detection import auc
from benchmark.testing.claims import Claims
from benchmark.testing.detector_data import Examples, examples
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.settings import check_settings, fresh, instance_of
from detectors.base import Detector, DetectorData, FeatureSet

_TOLD = 0.9
"""An area under the ROC curve from which on two sets of images are told apart."""


def check_detector(detector: Detector | type[Detector]) -> None:
    """Check that a detector keeps its contract, on features of a small trained classifier.

    It gives one finite score an image, which depends neither on the other images nor on their order; the same data and
    seed give the same scores; it changes neither features nor classifier nor the global random state; clean images
    cannot be told from other clean images, nor from themselves moved by a pixel; what it finds it finds in images of 8
    bits a pixel too; one that is not `supervised` learns nothing from adversarial examples.

    Raises:
        AssertionError: Saying what is broken.
    """
    detector = instance_of(detector, Detector)  # type: ignore[type-abstract]
    claims = Claims(detector)
    check_settings(detector, claims)
    trial = _Trial(detector, claims, examples())
    data = trial.examples.data
    fitted = trial.fit(data, seed=1)
    scores = trial.score(fitted, trial.examples.tested, seed=1)
    again = trial.score(trial.fit(data, seed=2), trial.examples.tested, seed=2)
    with claims.works("be copied once it is fitted"):
        deepcopy(fitted)
    claims.holds(
        np.array_equal(scores, again), "gives other scores when it is fitted again with the same data and seed"
    )
    _check_company(trial, fitted, scores)
    _check_clean_against_clean(trial, fitted)
    _check_files(trial, fitted, scores)
    _check_supervised(trial, scores)
    _check_differentiable_score(trial, fitted, scores)
    _check_minimum(trial)


@dataclasses.dataclass
class _Trial:
    detector: Detector
    claims: Claims
    examples: Examples

    def fit(self, data: DetectorData, *, seed: int, may_refuse: bool = False) -> Detector:
        """A fresh instance fitted on `data`, which must be the same afterwards."""
        fitted = fresh(self.detector)
        before = _content(data)
        with (
            self.claims.works("fit", may_refuse=may_refuse),
            untouched(self.claims, "fits", data.clean.classifier),
            global_randomness(self.claims, "fits", seed=seed),
        ):
            fitted.fit(data)
        self.claims.holds(_content(data) == before, "changes the features it is fitted on")
        return fitted

    def score(self, fitted: Detector, features: FeatureSet, *, seed: int = 3) -> Floats:
        """Its scores, checked for shape and finiteness."""
        before = _bytes(features)
        with (
            self.claims.works("score"),
            untouched(self.claims, "scores", features.classifier),
            global_randomness(self.claims, "scores", seed=seed),
        ):
            scores = fitted.score(features)
        self.claims.holds(_bytes(features) == before, "changes the features it scores")
        self.claims.holds(
            isinstance(scores, np.ndarray) and scores.shape == (len(features),),
            f"scores {len(features)} images with {type(scores).__name__} of shape {list(np.shape(scores))}, "
            f"not an array of shape [{len(features)}]",
        )
        self.claims.holds(bool(np.isfinite(scores).all()), "gives scores that are NaN or infinite")
        return scores


def _check_company(trial: _Trial, fitted: Detector, scores: Floats) -> None:
    tested = trial.examples.tested
    order = np.random.default_rng(0).permutation(len(tested))
    trial.claims.holds(
        _same(trial.score(fitted, tested.take(order)), scores[order]),
        "gives an image another score when the images are in another order",
    )
    for some in (np.arange(5), np.array([7])):
        trial.claims.holds(
            _same(trial.score(fitted, tested.take(some)), scores[some]),
            f"gives an image another score among {len(some)} images than among {len(tested)}",
        )


def _check_clean_against_clean(trial: _Trial, fitted: Detector) -> None:
    """The negative control: an area far from one half says that the score is about something else than the image."""
    one, other = (trial.score(fitted, features) for features in trial.examples.clean_halves)
    area = auc(one, other)
    assert area is not None
    deviation = math.sqrt((len(one) + len(other) + 1) / (12 * len(one) * len(other)))
    trial.claims.holds(
        abs(area - 0.5) < 4 * deviation,
        f"tells clean images from other clean images (AUC {area:.2f}, expected 0.50 ± {2 * deviation:.2f})",
    )


def _check_files(trial: _Trial, fitted: Detector, scores: Floats) -> None:
    """An image is no attack because no file holds it, or because no file could hold its numbers."""
    claims, examples = trial.claims, trial.examples
    adversarial, clean = np.split(scores, [len(examples.stored)])
    moved, stored = (trial.score(fitted, features) for features in (examples.moved, examples.stored))
    seen, found, kept = (auc(clean, positives) for positives in (moved, adversarial, stored))
    assert seen is not None
    assert found is not None
    assert kept is not None
    claims.holds(seen < _TOLD, f"tells clean images from themselves moved by a pixel or mirrored (AUC {seen:.2f})")
    claims.holds(
        found < _TOLD or kept - 0.5 >= (found - 0.5) / 2,
        f"tells adversarial images of numbers that no file holds (AUC {found:.2f}), but not the same images rounded to "
        f"8 bits a pixel ({kept:.2f})",
    )


def _check_supervised(trial: _Trial, scores: Floats) -> None:
    if trial.detector.supervised:
        return
    data = trial.examples.data
    swapped = dataclasses.replace(data, adversarial=data.clean, clean=data.adversarial)
    blind = trial.score(trial.fit(swapped, seed=1), trial.examples.tested)
    trial.claims.holds(
        np.array_equal(blind, scores), "learns from adversarial examples and does not say `supervised = True`"
    )


def _check_differentiable_score(trial: _Trial, fitted: Detector, scores: Floats) -> None:
    """Where there is one, it ranks the images as the score does, and a gradient runs through it."""
    claims, tested = trial.claims, trial.examples.tested
    layers = [torch.from_numpy(layer).requires_grad_() for layer in tested.layers]
    penultimate, logits = (torch.from_numpy(f).requires_grad_() for f in (tested.penultimate, tested.logits))
    with claims.works("give its differentiable score"), global_randomness(claims, "scores", seed=4):
        offered = fitted.differentiable_score(layers, penultimate, logits)
    if offered is None:
        return
    claims.holds(
        offered.shape == (len(tested),) and bool(offered.isfinite().all()),
        f"gives a differentiable score of shape {list(offered.shape)} for {len(tested)} images, or one not finite",
    )
    agreement = float(np.corrcoef(_ranks(scores), _ranks(offered.detach().numpy()))[0, 1])
    claims.holds(
        agreement > 0.9, f"has a differentiable score that ranks other images high (rank correlation {agreement:.2f})"
    )
    with claims.works("have its differentiable score differentiated"):
        gradients = torch.autograd.grad(offered.sum(), [*layers, penultimate, logits], allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    claims.holds(
        any(bool((gradient != 0).any()) for gradient in found)
        and all(bool(gradient.isfinite().all()) for gradient in found),
        "has a differentiable score whose gradient is zero everywhere, or not finite",
    )


def _ranks(values: Floats) -> Floats:
    return values.argsort().argsort().astype(np.float64)


def _check_minimum(trial: _Trial) -> None:
    """With as few reference images of each class as it says it needs, it works or says what it lacks."""
    data, fewest = trial.examples.data, trial.detector.minimum_reference
    labels = data.reference_labels
    rows = np.concatenate([np.flatnonzero(labels == label)[:fewest] for label in np.unique(labels)])
    few = dataclasses.replace(data, reference=data.reference.take(rows), reference_labels=labels[rows])
    try:
        fitted = trial.fit(few, seed=1, may_refuse=True)
    except UserError:
        return
    trial.score(fitted, trial.examples.tested)


def _same(one: Floats, other: Floats) -> bool:
    return np.allclose(one, other, rtol=1e-6, atol=1e-9)


def _content(data: DetectorData) -> list[bytes]:
    sets = [part for f in (data.reference, data.clean, data.noisy, data.adversarial) for part in _bytes(f)]
    return [*sets, data.reference_labels.tobytes(), data.groups.tobytes()]


def _bytes(features: FeatureSet) -> list[bytes]:
    arrays = (*features.layers, features.penultimate, features.logits, features.images.numpy())
    return [array.tobytes() for array in arrays]
