"""Ranks as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.ranking.ranks import Ranking
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import with_interval


def rank_cell(place: Ranking | None) -> str:
    """The rank and its interval, "1 [1–2]"; a dash for a row without one."""
    return "–" if place is None else f"{place.rank} [{place.low}–{place.high}]"


def ranking_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): each ranked row beside the one below it; differences in per cent points."""
    headers = ["Rank", "Defense", "Next row", "Difference", "Told apart", "Images that would tell them apart"]
    cells = []
    for row in rows:
        place = row.ranking
        if place is None or place.difference is None:
            continue
        needed = "–" if place.images is None else f"{place.images:,}"
        apart = "yes" if place.apart else "no"
        cells.append([rank_cell(place), row.defense, place.next, with_interval(place.difference), apart, needed])
    return headers, cells
