"""The findings above every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.findings.sentences import findings
from leaderboard.reference.rows import reference
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.section import Note, Section, Table
from leaderboard.text import escape


@dataclass(frozen=True)
class Findings(Section):
    """One paragraph of what the robustness rows say.

    Attributes:
        sentences: Plain text.
    """

    unasked = True

    sentences: tuple[str, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = results.once(robustness_rows)
        return cls(tuple(findings(rows, results.once(reference)))) if rows else None

    def markdown(self) -> list[str]:
        return [escape(" ".join(self.sentences))]

    def terminal(self) -> list[Table | Note]:
        return [Note(" ".join(self.sentences))]
