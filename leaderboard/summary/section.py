"""The table of the first page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.reference.rows import Reference, reference
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.section import Section
from leaderboard.summary.table import summary_table
from leaderboard.text import markdown_table


@dataclass(frozen=True)
class Summary(Section):
    """A line for each defense, in the columns that a board is read by first.

    Attributes:
        table: The rows of the robustness table, ranked ones first.
        reference: The constant answer; None where there are no images.
    """

    table: tuple[RobustnessRow, ...]
    reference: Reference | None

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = results.once(robustness_rows)
        return cls(rows, results.once(reference)) if rows else None

    def markdown(self) -> list[str]:
        return [
            markdown_table(*summary_table(self.table, self.reference)),
            "Per cent of the images, with 95 % intervals. Worst case: right on clean input and after every attack. "
            "Rows rank by the mean of the worst case over the classes, balanced accuracy; those that a paired test "
            "does not tell apart share a rank.",
        ]
