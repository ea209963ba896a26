"""The table by subgroup as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.subgroups.schema import SubgroupRow
from leaderboard.text import percent, with_interval

HEADERS = ["Defense", "Subgroup", "Value", "n", "Patients", "Clean", "Under attack", "Worst gap", "p", "p (Holm)"]


def subgroup_table(rows: Sequence[SubgroupRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line for each defense, column and value, in per cent; the column's test on its first line."""
    cells, above = [], None
    for row in rows:
        first, above = above != (row.defense, row.column), (row.defense, row.column)
        if row.test is None:
            test = ["–"] * 3
        else:
            test = [percent(row.test.gap), _probability(row.test.p), _probability(row.test.p_holm)]
        cells.append(
            [
                row.defense,
                row.column,
                row.value,
                f"{row.n}" if row.tested else f"{row.n} (not tested)",
                str(row.patients),
                with_interval(row.clean),
                with_interval(row.robust),
                *(test if first else [""] * 3),
            ]
        )
    return HEADERS, cells


def _probability(p: float) -> str:
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
