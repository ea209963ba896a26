"""Rows that keep less than is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import percent


def below_floor(rows: Sequence[RobustnessRow], floor: float) -> list[str]:
    """A line for every ranked row whose worst-case robust accuracy is below `floor`, in [0, 1].

    Where no row is ranked nothing shows that one is above it, and that is the line.
    """
    ranked = [row for row in rows if row.ranking is not None and row.worst is not None]
    if not ranked:
        return [f"no row is ranked, so none is shown to keep {percent(floor)} %"]
    return [
        f"row {row.defense} keeps {percent(row.worst.value)} % in the worst case, below {percent(floor)} %"
        for row in ranked
        if row.worst is not None and row.worst.value < floor
    ]
