"""The table by class as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.per_class.schema import ClassRow
from leaderboard.text import with_interval


def class_table(rows: Sequence[ClassRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line for each defense and class, in per cent; the attacker's goal where there are two."""
    named = any(row.goal for row in rows)
    headers = ["Defense", "Class", "n", "Clean", "Under attack", "Turned", *["Which is"] * named]
    cells = [
        [
            row.defense,
            row.name,
            str(row.n),
            *(with_interval(value) for value in (row.clean, row.robust, row.turned)),
            *[row.goal] * named,
        ]
        for row in rows
    ]
    return headers, cells
