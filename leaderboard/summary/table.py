"""The six columns that a board is read by first."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import AttackResult, RobustnessRow
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


def strongest(row: RobustnessRow) -> AttackResult | None:
    """The first of the attacks that leave the fewest images; None where no attack has a result."""
    left = [attack for attack in row.attacks if attack.robust is not None]
    return min(left, key=lambda attack: attack.robust.value if attack.robust else 0, default=None)


def strongest_attack(row: RobustnessRow) -> str:
    """The attack that leaves the fewest images, and how many others leave as few; a dash where no attack has a result.

    A row whose attacks break no image has no strongest one.
    """
    first = strongest(row)
    if first is None or first.robust is None or row.clean is None:
        return "–"
    least = first.robust.value
    if least == row.clean.value:
        return "none breaks any"
    others = sum(attack.robust is not None and attack.robust.value == least for attack in row.attacks) - 1
    return f"{first.attack} and {others} more" if others else first.attack
