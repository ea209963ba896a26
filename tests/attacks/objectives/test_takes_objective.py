"""Whether an attack takes the objective that a suite names: what it says of itself against what it does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attacks.base import Aids, Attack, Composition, Stop
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.detector_score import KnownDetector
from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import load_plugins
from benchmark.core.features import Features
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.plugin import registered
from benchmark.core.threat import Access, Epsilon, Norm
from tests.attacks.networks import decisions, small_network

SHORT = {"steps": 2, "queries": 4, "searches": 1, "evaluations": 2, "epochs": 1, "pairs": 1}


class Noted(CrossEntropy):
    """Cross-entropy that notes whether anyone has asked for it."""

    asked = False

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        self.asked = True
        return super().__call__(logits, features, aim)


def white_box() -> list[Any]:
    load_plugins(kinds=["attack"])
    found = {name: kind for name, kind in registered("attack").items() if issubclass(kind, Attack)}
    ours = {name: kind for name, kind in found.items() if kind.__module__.startswith("attacks.")}
    return [pytest.param(kind, id=name) for name, kind in ours.items() if kind.access is Access.GRADIENT]


@pytest.mark.parametrize("kind", white_box())
def test_an_attack_says_truly_whether_it_takes_an_objective(kind: type[Attack], images: Tensor) -> None:
    network = small_network(classes=3)
    method, objective = kind(**{key: SHORT[key] for key in kind().settings() if key in SHORT}), Noted()
    norm = next(n for n in Norm if n in kind.norms)
    composition = Composition(norm, Epsilon.parse(1), objective, stop=Stop.NEVER)
    labels = decisions(network, images)
    train = LabeledImages((images * 255).to(torch.uint8), labels, tuple(map(str, range(len(images)))))
    detector = KnownDetector("never alarmed", lambda x, features, logits: torch.zeros(len(x)))
    model = DefendedModel(network)
    method.prepare(Aids(model, composition, train, 3, (), 0, torch.device("cpu"), detector))
    method(model, images, Aim(labels, (labels + 1) % 3), Noise.of(0, range(len(images))), composition)
    assert objective.asked == kind.takes_objective
