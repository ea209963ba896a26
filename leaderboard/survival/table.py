"""Survival curves as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaderboard.survival.schema import SurvivalCurve
from leaderboard.text import percent


def survival_table(curves: Sequence[SurvivalCurve]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per defense and attack whose steps are known; robust accuracy in per cent."""
    shown = [curve for curve in curves if curve.followed]
    longest = max((curve.steps[-1] for curve in shown), default=0)
    steps = [0, *round_steps(longest)]
    headers = ["Defense", "Attack", "Clean", *(str(step) for step in steps), "End", "Last step"]
    cells = [
        [
            curve.defense,
            curve.attack,
            percent(curve.clean),
            *(percent(curve.at(step)) if step <= curve.steps[-1] else "–" for step in steps),
            percent(curve.accuracy[-1]),
            str(curve.steps[-1]),
        ]
        for curve in shown
    ]
    return headers, cells


def round_steps(longest: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … up to `longest`."""
    power = 1
    while power <= longest:
        yield from (factor * power for factor in (1, 2, 5) if factor * power <= longest)
        power *= 10
