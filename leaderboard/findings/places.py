"""Which ranked rows a paired test tells apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, groupby

from leaderboard.findings.words import listed
from leaderboard.robustness.schema import RobustnessRow

_MOST_PAIRS = 3
"""Of pairs of rows with different ranks that are named one by one."""


def places(ranked: Sequence[RobustnessRow]) -> Iterator[str]:
    """Whether one row stands first, which rows share a rank, and which others are not told apart.

    Args:
        ranked: The ranked rows, best first.
    """
    if len(ranked) < 2:
        return
    first = ranked[0]
    if first.ranking is not None and not first.ranking.like:
        yield f"{first.defense} stands first and is told apart from every other ranked row."
    groups = [list(members) for _, members in groupby(ranked, key=_rank)]
    level = [group for group in groups if len(group) > 1 and all(_alike(*pair) for pair in combinations(group, 2))]
    for group in level:
        yield (
            f"{listed([row.defense for row in group])} share rank {_rank(group[0])}: a paired test on the same images "
            f"does not tell {'the two' if len(group) == 2 else 'any of them'} apart."
        )
    said = {frozenset((one.defense, other.defense)) for group in level for one, other in combinations(group, 2)}
    pairs = [
        f"{one.defense} from {other.defense}"
        for one, other in combinations(ranked, 2)
        if _alike(one, other) and frozenset((one.defense, other.defense)) not in said
    ]
    if not pairs:
        return
    begun = "It does not tell" if level else "A paired test on the same images does not tell"
    if len(pairs) <= _MOST_PAIRS:
        yield f"{begun} {listed(pairs)} either." if level else f"{begun} {listed(pairs)}."
    else:
        yield f"{begun} rows apart in {len(pairs)} {'more ' * bool(level)}pairs, whatever their ranks."


def _rank(row: RobustnessRow) -> int:
    return row.ranking.rank if row.ranking else 0


def _alike(one: RobustnessRow, other: RobustnessRow) -> bool:
    return one.ranking is not None and other.defense in one.ranking.like
