"""The contracts of plug-ins as checks that anyone can call from their own tests.

Each takes an instance, or a class that it builds with its defaults, runs it on small drawn images, and raises
AssertionError with one sentence that says what is broken. None needs pytest, data or a network.

    from benchmark.testing import check_defense

    def test_keeps_the_contract():
        check_defense(MyDefense(strength=2))
"""

from __future__ import annotations

from benchmark.testing.attack import check_attack
from benchmark.testing.classifier import check_classifier
from benchmark.testing.dataset import check_dataset
from benchmark.testing.defense import check_defense
from benchmark.testing.detector import check_detector
from benchmark.testing.gradient import check_gradient
from benchmark.testing.objective import check_objective
from benchmark.testing.study import check_study

__all__ = [
    "check_attack",
    "check_classifier",
    "check_dataset",
    "check_defense",
    "check_detector",
    "check_gradient",
    "check_objective",
    "check_study",
]
