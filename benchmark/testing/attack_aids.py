"""What an attacker has beside the victim, as a run hands it over."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from attacks.base import Aids, Attack, Composition
from attacks.objectives.detector_score import KnownDetector
from benchmark.core.defended import DefendedModel
from benchmark.core.features import Features
from benchmark.core.frozen import frozen
from benchmark.core.threat import Access
from benchmark.testing.extraction import extract
from benchmark.testing.problem import Problem


def prepared(attack: Attack, model: DefendedModel, problem: Problem, composition: Composition) -> Composition:
    """The composition with the attack's own objective, fitted, after the attack's `prepare`."""
    objective = attack.default_objective()
    with frozen(model):
        features = extract(model.classifier, iter([problem.train.floats()]))
        if objective.needs_features:
            objective.fit(features, problem.train.labels, problem.classes)
        composition = replace(composition, objective=objective)
        attack.prepare(
            Aids(
                model=model if attack.access is Access.GRADIENT else None,
                composition=composition,
                train=problem.train,
                classes=problem.classes,
                proxies=problem.proxies(attack.proxies),
                seed=0,
                device=torch.device("cpu"),
                detector=_known_detector(features) if attack.needs_detector else None,
            )
        )
    return composition


def _known_detector(reference: Features) -> KnownDetector:
    """A detector without a gradient: distance of the last features from their mean, in deviations of clean ones."""
    assert reference.penultimate is not None
    center = reference.penultimate.mean(0)
    distances = (reference.penultimate - center).norm(dim=1)

    def score(images: Tensor, features: Features, logits: Tensor) -> Tensor:
        del images, logits
        assert features.penultimate is not None
        distance = (features.penultimate.detach().float() - center).norm(dim=1)
        return (distance - distances.median()) / distances.std()

    return KnownDetector("distance", score)
