"""The six columns that a board is read by first."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import percent, with_interval

HEADERS = ("Rank", "Defense", "Clean", "Worst case", "Strongest attack", "Status")


def summary_table(rows: Sequence[RobustnessRow], reference: Reference | None) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per defense, the constant answer last; shares of images in per cent."""
    cells = [
        [
            str(row.ranking.rank) if row.ranking else "–",
            row.defense,
            percent(row.clean.value if row.clean else None),
            with_interval(row.worst),
            strongest_attack(row),
            row.standing,
        ]
        for row in rows
    ]
    if reference is not None:
        name, share = f'constant answer "{reference.label}"', reference.accuracy
        cells.append(["–", name, percent(share.value), with_interval(share), "–", "reference"])
    return list(HEADERS), cells


def strongest_attack(row: RobustnessRow) -> str:
    """The attack that leaves the fewest images, and how many others leave as few; a dash where no attack has a result.

    A row whose attacks break no image has no strongest one.
    """
    left = [(attack.robust.value, attack.attack) for attack in row.attacks if attack.robust is not None]
    if not left or row.clean is None:
        return "–"
    least = min(value for value, _ in left)
    if least == row.clean.value:
        return "none breaks any"
    first, *others = [name for value, name in left if value == least]
    return f"{first} and {len(others)} more" if others else first
