"""What numbers must be read with."""

from __future__ import annotations

from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import escape


class Diagnoses(OfRows):
    """A line for each randomized or purifying defense."""

    page = "reliability"

    def markdown(self) -> list[str]:
        lines = [
            f"- **{escape(row.defense)}**: {escape('; '.join(row.diagnosis.lines))}."
            for row in self.table
            if row.diagnosis
        ]
        return ["## What these numbers must be read with", "\n".join(lines)] if lines else []
