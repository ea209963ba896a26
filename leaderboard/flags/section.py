"""Reliability flags."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Verdict
from leaderboard.robustness.of_rows import OfRows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import escape, markdown_table, number


class Flags(OfRows):
    """A line for each flag with a verdict, and why the others have none."""

    page = "reliability"

    def markdown(self) -> list[str]:
        cells = [
            [row.defense, f.id, f.verdict.value, number(f.value), f.threshold, str(f.n), f.note]
            for row in self.table
            for f in row.flags
            if f.verdict not in (Verdict.NOT_RUN, Verdict.NOT_APPLICABLE)
        ]
        headers = ["Defense", "Flag", "Verdict", "Value", "Threshold", "n", "Note"]
        parts = ["## Flags", markdown_table(headers, cells)]
        reasons = [f"- **{escape(row.defense)}**: {escape(_not_run(row))}" for row in self.table if row.not_run]
        return [*parts, "Not run, and no pass:\n\n" + "\n".join(reasons)] if reasons else parts


def _not_run(row: RobustnessRow) -> str:
    """The flags without a verdict, gathered by the reason why."""
    reasons: dict[str, list[str]] = {}
    notes = {f.id: f.note for f in row.flags}
    for flag in row.not_run:
        reasons.setdefault(notes.get(flag, "the clean accuracy could not be computed"), []).append(flag)
    return "; ".join(f"{', '.join(flags)} ({reason})" for reason, flags in reasons.items())
