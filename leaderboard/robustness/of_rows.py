"""Sections about the rows of the robustness table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.section import Section


@dataclass(frozen=True)
class OfRows(Section):
    """A section that shows something of every defense.

    Attributes:
        table: The rows of the robustness table, ranked ones first.
    """

    table: tuple[RobustnessRow, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = results.once(robustness_rows)
        return cls(rows) if rows else None
