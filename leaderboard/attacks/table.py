"""The table of every attack as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import with_interval


def attack_table(rows: Sequence[RobustnessRow], *, seconds: bool = False) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per defense and attack that was run or failed; success among attacked images.

    Args:
        rows: The robustness rows.
        seconds: Add how long each attack took; not for published tables, which must be the same bytes every time.
    """
    headers = ["Defense", "Attack", "Bound", "Success", "Robust accuracy", "Kept when stored", "Forwards", "Backwards"]
    cells = [
        [
            row.defense,
            a.attack,
            a.bound,
            with_interval(a.success) if a.status == "done" else a.status,
            with_interval(a.robust),
            with_interval(a.kept),
            "–" if a.forwards is None else f"{a.forwards:.0f}",
            "–" if a.backwards is None else f"{a.backwards:.0f}",
            *(["–" if a.seconds is None else f"{a.seconds:.1f}"] if seconds else []),
        ]
        for row in rows
        for a in row.attacks
        if a.status != "not applicable"
    ]
    return [*headers, "Seconds"] if seconds else headers, cells
