"""Robust accuracy by subgroup, in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.evaluation.worst_gap import PERMUTATIONS
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table, share
from leaderboard.subgroups.rows import LEAST, subgroup_rows
from leaderboard.subgroups.schema import SubgroupRow
from leaderboard.subgroups.table import subgroup_table
from leaderboard.text import escape, markdown_table

_TITLE = "Subgroups"


@dataclass(frozen=True)
class Subgroups(Section):
    """Clean and robust accuracy of each subgroup that the data set knows, and a test of the worst gap.

    Attributes:
        table: A row for each defense, column and value.
        unread: Why there is none; empty where there is.
    """

    page = "robustness"
    file = "subgroups.csv"
    columns = (
        "defense",
        "subgroup",
        "value",
        "n",
        "patients",
        "tested",
        *(f"{name}{end}" for name in ("clean", "robust") for end in ("", "_low", "_high")),
        "gap",
        "p",
        "p_holm",
    )

    table: tuple[SubgroupRow, ...]
    unread: str = ""

    @classmethod
    def of(cls, results: Results) -> Self | None:
        found = alone(lambda: cls(subgroup_rows(results)), lambda reason: cls((), reason))
        return found if found.table or found.unread else None

    def markdown(self) -> list[str]:
        if self.unread:
            return [f"## {_TITLE}", f"No result: {escape(self.unread)}"]
        return [
            f"## {_TITLE}",
            markdown_table(*subgroup_table(self.table)),
            "Per cent of the n images of the subgroup, with intervals that count patients. Under attack: right on "
            "clean input and after every attack. Worst gap: between the largest and the smallest of these among the "
            f"values with at least {LEAST} images; p: of a test that permutes the values {PERMUTATIONS:,} times over "
            "patients, and over the images of a patient with several values; Holm: for all columns of a defense "
            "together. A large p says that these images do not tell the subgroups apart, not that they are alike.",
        ]

    def terminal(self) -> list[Table | Note]:
        if self.unread:
            return [Note(f"{_TITLE}: no result ({self.unread})", "red")]
        return [Table(f"{_TITLE} (per cent, 95 % intervals)", *subgroup_table(self.table), detail=True)]

    def own_rows(self) -> list[Line]:
        return [
            {
                "defense": row.defense,
                "subgroup": row.column,
                "value": row.value,
                "n": row.n,
                "patients": row.patients,
                "tested": row.tested,
                **share("clean", row.clean),
                **share("robust", row.robust),
                "gap": row.test and row.test.gap,
                "p": row.test and row.test.p,
                "p_holm": row.test and row.test.p_holm,
            }
            for row in self.table
        ]

    def failures(self) -> list[str]:
        return [f"subgroups: {self.unread}"] * bool(self.unread)
