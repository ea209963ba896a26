"""What a number is nothing without: its threat model."""

from __future__ import annotations

from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import escape


class ThreatModels(OfRows):
    """A sentence for each defense."""

    def markdown(self) -> list[str]:
        sentences = (f"- **{escape(row.defense)}**: {escape(row.threat)}" for row in self.table)
        return ["## Threat models", "\n".join(sentences)]
