"""What a board shows of a study."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.records.study_findings import StudyFindings


@dataclass(frozen=True)
class StudyReport:
    """A study of one defended model.

    Attributes:
        study, defense: Labels.
        method: Name of the plug-in.
        reading: How its table is read.
        status, reason: As in `AttackResult`.
        images: How many it was made on.
        found: What it found; None unless done.
        key: Key of its step, which holds the pictures; empty unless done.
    """

    study: str
    defense: str
    method: str
    reading: str
    status: str
    reason: str
    images: int = 0
    found: StudyFindings | None = None
    key: str = ""
