"""What fitting and scoring with a detector take on this machine, measured on a part of the images."""

from __future__ import annotations

import json
import math
import time
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from benchmark.core.features import recording
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.planning.estimate.measure import Machine
from benchmark.steps.detect import DetectStep
from benchmark.steps.detector_fitting import feature_set
from benchmark.steps.detector_scoring import AGAIN, ALONE, score_sets
from benchmark.steps.isolated_detector import IsolatedDetector
from detectors.base import DetectorData, FeatureSet

_SETS = ("clean", "moved", "noisy", "adversarial", "stored")
_FITTED_ON = 0.45
_PART, _FIRST = 8, 32
"""One image in so many is measured on; before that fewer, which are not counted: libraries are loaded then."""


def detector_seconds(machine: Machine, step: DetectStep) -> float | None:
    """Seconds that one detector takes with one attack; None where it cannot be measured.

    Measured on an eighth of the images, and taken to grow with the number of those that are scored, of which some are
    scored again: what grows with its square is beyond what this sees.
    """
    told = machine.apart(step, lambda: json.dumps([_trial(machine, step, 1 / part) for part in (_FIRST, _PART)]))
    images = step.attack.clean.images
    return None if told is None else float(json.loads(told)[1]) * _scored(images) / _scored(_few(images, 1 / _PART))


def _scored(images: int) -> int:
    """How often an image is scored where so many are attacked."""
    shown = len(_SETS) * images
    return shown + min(AGAIN, shown) + min(ALONE, shown)


def _few(images: int, share: float) -> int:
    return min(images, max(8, round(share * images)))


def _trial(machine: Machine, step: DetectStep, share: float) -> float:
    classifier = machine.classifier(step.features.fit)
    train, shown = machine.data.train, machine.data.evaluation
    reference = _part(train, max(2 * len(machine.data.classes), round(share * len(train))))
    images = _part(shown, _few(step.attack.clean.images, share))
    known, seen = (_features(machine, classifier, split.floats()) for split in (reference, images))
    # A supervised detector is to have two classes to tell.
    moved = _features(machine, classifier, 0.9 * images.floats())
    fitted = seen.take(np.arange(len(seen)) < max(4, math.ceil(_FITTED_ON * len(seen))))
    detector = IsolatedDetector(deepcopy(step.detector))
    started = time.perf_counter()
    detector.fit(
        DetectorData(
            reference=known,
            reference_labels=reference.labels.numpy(),
            clean=fitted,
            noisy=fitted,
            adversarial=moved.take(np.arange(len(fitted))),
            groups=np.arange(len(fitted)),
            seed=0,
        )
    )
    score_sets(detector, dict.fromkeys(_SETS, seen), Noise.of(0, range(len(_SETS) * len(seen))))
    return time.perf_counter() - started


def _part(images: LabeledImages, count: int) -> LabeledImages:
    """`count` images spread over a split whose classes may stand in blocks."""
    return images[torch.linspace(0, len(images) - 1, min(count, len(images))).long()]


def _features(machine: Machine, classifier: DeployedClassifier, x: Tensor) -> FeatureSet:
    with frozen(classifier), torch.no_grad(), recording(classifier) as features:
        logits = classifier(x.to(machine.device))
    return feature_set(x, features, logits, classifier)
