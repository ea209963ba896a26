"""What stands against a row, and whose its defense is."""

from __future__ import annotations

from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import escape


class RowNotes(OfRows):
    """A sentence of each kind for each defense."""

    page = "reliability"

    def markdown(self) -> list[str]:
        rows = self.table
        parts = []
        remarks = [
            f"- **{escape(r.defense)}** ({escape(r.status)}): {escape('; '.join(r.remarks))}" for r in rows if r.remarks
        ]
        if remarks:
            parts += ["## What stands against rows", "\n".join(remarks)]
        described = (f"- **{escape(r.defense)}**: {escape(r.description)}. {escape(r.source)}" for r in rows)
        return [*parts, "## Defenses", "\n".join(described)]
