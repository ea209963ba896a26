"""What a careful reader would say of a robustness table, written from its numbers and never more than they allow."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.findings.doubts import approximated, unranked, warnings
from leaderboard.findings.levels import levels
from leaderboard.findings.places import places
from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import RobustnessRow


def findings(rows: Sequence[RobustnessRow], reference: Reference | None) -> list[str]:
    """The findings, a sentence each; plain text, with labels as they are.

    Args:
        rows: The rows of the robustness table, ranked ones first; at least one.
        reference: The constant answer on the same images; None where there are none.
    """
    ranked = [row for row in rows if row.ranking is not None]
    images = max(row.n for row in rows)
    count = f"{len(ranked)} of {len(rows)} rows" if len(rows) > 1 else "The only row" if ranked else "No row"
    verb = "are" if len(rows) > 1 and len(ranked) != 1 else "is"
    opening = f"{count} {verb} ranked, on {images:,} image{'s' * (images != 1)}."
    return [
        opening,
        *levels(ranked, reference),
        *places(ranked),
        *unranked(rows),
        *approximated(rows),
        *warnings(rows),
    ]
