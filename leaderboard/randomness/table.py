"""The table of fresh draws as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.robustness.schema import RobustnessRow, Spread
from leaderboard.text import percent, with_interval


def randomness_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per randomized defense and attack, the clean images first. Percentages."""
    headers = ["Defense", "Decision rule", "Attack", "Any step", "Final image, N fresh draws", "Worst of N", "N"]
    cells = []
    for row in rows:
        done = [(a.attack, a.robust, a.fresh) for a in row.attacks if a.fresh]
        for attack, robust, fresh in [("clean", None, row.clean_spread), *done]:
            if fresh is not None:
                numbers = [with_interval(robust), _spread(fresh), percent(fresh.worst), str(fresh.draws)]
                cells.append([row.defense, row.decision, attack, *numbers])
    return headers, cells


def _spread(values: Spread) -> str:
    """Mean ± standard deviation in per cent."""
    return f"{percent(values.mean)} ± {percent(values.deviation)}"
