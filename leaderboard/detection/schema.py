"""What a row of the detection table holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.detection import Detection
from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class DetectionRow:
    """A detector against an attack.

    Attributes:
        defense, attack, detector: Labels.
        trained_on: The attack whose examples the detector was fitted on.
        status, reason: As in `AttackResult`; "no credit" where what the detector finds is no attack.
        n: AdvTest images.
        success: Share of AdvTest images that the attack turns, before any detector.
        metrics: AUC, TPR and what gets through; None without a result.
        threat: The threat-model sentence.
    """

    defense: str
    attack: str
    detector: str
    trained_on: str
    status: str
    reason: str
    n: int
    success: Estimate | None
    metrics: Detection | None
    threat: str
