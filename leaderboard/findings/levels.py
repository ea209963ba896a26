"""What ranked rows keep, as far as their intervals say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.evaluation.intervals import Estimate
from leaderboard.findings.words import listed, one_or_more
from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import interval, percent


def levels(ranked: Sequence[RobustnessRow], reference: Reference | None) -> Iterator[str]:
    """Which ranked rows hold, which fall, and of which these images do not say it.

    A row holds where the whole interval of its worst-case balanced accuracy is above 1/K, what an answer gets that
    looks at no image, and falls where it is below.

    Args:
        ranked: The ranked rows, best first.
        reference: The constant answer on the same images; None where there are none.
    """
    left = [row for row in ranked if row.worst is not None and row.worst.value > 0]
    gone = [row for row in ranked if row.worst is not None and row.worst.value == 0]
    holds = [row for row in left if row.above_constant]
    falls = [row for row in left if below_constant(row)]
    opened = [row for row in left if row not in holds and row not in falls]
    constant = f"an answer that looks at no image ({percent(1 / ranked[0].classes)} %)" if ranked else ""
    measure = "in worst-case balanced accuracy"
    if holds:
        yield f"{one_or_more(_balanced(holds), 'holds', 'hold')}: {measure} above {constant}."
    if falls:
        yield f"{one_or_more(_balanced(falls), 'falls', 'fall')}: {measure} below {constant}."
    if opened:
        verb = one_or_more(_balanced(opened), "is", "are")
        yield f"{verb} neither shown to be above {constant} {measure} nor below it."
    if gone:
        shares = [f"{row.defense} ({_share(row.worst)})" for row in gone]
        yield f"Nothing is left of {listed(shares)}: no image is right in the worst case."
    if reference is not None and ranked and all(_below(row, reference) for row in ranked):
        yield (
            f'The answer "{reference.label}" to every image is right on {percent(reference.accuracy.value)} % of them, '
            "attacked or not: more than any ranked row keeps."
        )


def below_constant(row: RobustnessRow) -> bool:
    """Whether its worst-case balanced accuracy is below that of an answer that looks at no image."""
    return row.balanced is not None and row.balanced.interval.high < 1 / row.classes


def _balanced(rows: Sequence[RobustnessRow]) -> list[str]:
    return [f"{row.defense} ({_share(row.balanced)})" for row in rows]


def _share(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{percent(estimate.value)} % {interval(estimate.interval)}"


def _below(row: RobustnessRow, reference: Reference) -> bool:
    return row.worst is not None and row.worst.value < reference.accuracy.value
