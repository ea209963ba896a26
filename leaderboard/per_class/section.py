"""What attacks leave of each class, in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.per_class.rows import class_rows
from leaderboard.per_class.schema import ClassRow
from leaderboard.per_class.table import class_table
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table, share
from leaderboard.text import markdown_table


@dataclass(frozen=True)
class PerClass(Section):
    """Sensitivity of each class without an attack and in the worst case.

    Attributes:
        table: A row for each defense and class.
    """

    unasked = True
    page = "robustness"
    file = "per_class.csv"
    columns = (
        "defense",
        "class",
        "goal",
        "n",
        *(f"{name}{end}" for name in ("clean", "robust", "turned") for end in ("", "_low", "_high")),
    )

    table: tuple[ClassRow, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = class_rows(results)
        return cls(rows) if rows else None

    def markdown(self) -> list[str]:
        goals = " To hide disease and to invent it are different attackers' goals."
        return [
            "## What attacks leave of each class",
            markdown_table(*class_table(self.table)),
            "Per cent of the n images of the class. Clean: right without an attack, the class's sensitivity. Under "
            "attack: right on clean input and after every attack. Turned: share of those right on clean input that "
            "some attack made wrong." + goals * any(row.goal for row in self.table),
        ]

    def terminal(self) -> list[Table | Note]:
        headers, cells = class_table(self.table)
        # What an attack turns is what is left of the clean images the other way round.
        extra = [(at,) for at in range(headers.index("Turned"), len(headers))]
        return [Table("Each class (per cent, 95 % intervals)", headers, cells, extra)]

    def own_rows(self) -> list[Line]:
        return [
            {
                "defense": row.defense,
                "class": row.name,
                "goal": row.goal,
                "n": row.n,
                **share("clean", row.clean),
                **share("robust", row.robust),
                **share("turned", row.turned),
            }
            for row in self.table
        ]
