"""The constant answer among the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.reference.rows import Reference, reference
from leaderboard.results import Results
from leaderboard.section import Line, Section, share


@dataclass(frozen=True)
class ConstantAnswer(Section):
    """What stands below the rows of the robustness table, as a line of `rows.csv`."""

    reference: Reference

    @classmethod
    def of(cls, results: Results) -> Self | None:
        found = results.once(reference)
        return None if found is None else cls(found)

    def markdown(self) -> list[str]:
        return []

    def rows(self) -> list[Line]:
        found = self.reference
        line: Line = {
            "table": "reference",
            "defense": f"constant answer {found.label}",
            "attack": "any",
            "detector": "none",
            "status": "reference",
            "n": found.n,
            **share("robust", found.accuracy),
            "sensitivity": found.sensitivity,
            "specificity": found.specificity,
            "balanced_accuracy": found.balanced_accuracy,
            "auroc": 0.5,
        }
        return [line]
