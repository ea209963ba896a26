"""What a point of a sweep holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate
from benchmark.records.sweep_point import SweepPoint

CLEAN, WORST = "clean", "worst case"
"""Names of the curves that are no attack's."""


@dataclass(frozen=True)
class SweepResult:
    """One curve of a sweep at one of its values.

    Attributes:
        point: The sweep and the value.
        defense, detector: Labels; the detector is "none" where there is none.
        curve: An attack's label, `CLEAN` or `WORST`.
        status, reason: As in `AttackResult`.
        n: Images that the share is of.
        share: Accuracy: right on clean input and after the attack. For a detector the share that is misclassified and
            not flagged at a false positive rate of 5 %. None unless done.
        threat: The threat model as a sentence; empty where there is none.
    """

    point: SweepPoint
    defense: str
    detector: str
    curve: str
    status: str
    reason: str
    n: int
    share: Estimate | None
    threat: str
