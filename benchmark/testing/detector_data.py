"""What a detector is fitted and scored on in the checks: features of clean, noisy and adversarial images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from attacks.base import Composition, Stop
from attacks.bim import BIM
from attacks.geometry.stored import stored
from attacks.objectives.aim import Aim, other_class
from benchmark.core.defended import DefendedModel
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.views import moved
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.testing.extraction import extract
from benchmark.testing.problem import Problem, grayscale
from detectors.base import DetectorData, FeatureSet

_LEARNED, _TESTED = 60, 40
_EPSILON = Epsilon.parse("8/255")


@dataclass(frozen=True)
class Examples:
    """What a detector is tried on.

    Attributes:
        data: What it is fitted on.
        tested: Images to score: adversarial ones, and then the clean ones that they were made of.
        moved: Those clean images as no file holds them: moved by a pixel, mirrored, or both.
        stored: Those adversarial images rounded to 8 bits a pixel.
        clean_halves: Two sets of other clean images.
    """

    data: DetectorData
    tested: FeatureSet
    moved: FeatureSet
    stored: FeatureSet
    clean_halves: tuple[FeatureSet, FeatureSet]


@cache
def examples() -> Examples:
    """The examples of the grayscale task; nobody may change them."""
    problem = grayscale()
    classifier = problem.classifier().requires_grad_(False)
    images = problem.correct(len(problem.evaluation))
    learned, tested = images[torch.arange(_LEARNED)], images[torch.arange(_LEARNED, _LEARNED + _TESTED)]
    # Shuffled, because classes take turns.
    others = torch.randperm(len(images) - _LEARNED - _TESTED, generator=torch.Generator().manual_seed(0))
    others += _LEARNED + _TESTED
    noise = Noise.of(0, learned.index).stream("noisy").normal(learned.shape)
    x = learned.floats()
    data = DetectorData(
        reference=_features(classifier, problem.train.floats(), pixels=problem.train.pixels),
        reference_labels=problem.train.labels.numpy(),
        clean=_features(classifier, x),
        noisy=_features(classifier, (x + noise * 8 / 255).clamp(0, 1)),
        adversarial=_features(classifier, _adversarial(problem, learned)),
        groups=np.arange(_LEARNED),
        seed=0,
    )
    halves = (images[others[::2]], images[others[1::2]])
    clean, adversarial = tested.floats(), _adversarial(problem, tested)
    return Examples(
        data,
        _features(classifier, torch.cat([adversarial, clean])),
        _features(classifier, moved(clean, Noise.of(0, tested.index))),
        _features(classifier, stored(adversarial, clean, Norm.LINF, _EPSILON.value)),
        (_features(classifier, halves[0].floats()), _features(classifier, halves[1].floats())),
    )


def _adversarial(problem: Problem, images: LabeledImages) -> Tensor:
    x = images.floats()
    with torch.no_grad():
        aim = Aim(images.labels, other_class(images.labels, problem.trained(x)))
    composition = Composition(Norm.LINF, _EPSILON, stop=Stop.NEVER)
    model = DefendedModel(problem.classifier())
    return BIM(steps=10)(model, x, aim, Noise.of(0, images.index), composition).adversarial


def _features(classifier: DeployedClassifier, x: Tensor, *, pixels: Tensor | None = None) -> FeatureSet:
    features = extract(classifier, iter([x]))
    assert features.penultimate is not None
    with torch.no_grad():
        logits = classifier(x)
    return FeatureSet(
        images=x if pixels is None else pixels,
        layers=tuple(layer.double().numpy() for layer in features.layers),
        penultimate=features.penultimate.double().numpy(),
        logits=logits.double().numpy(),
        classifier=classifier,
    )
