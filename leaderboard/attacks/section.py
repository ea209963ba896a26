"""Every attack by itself."""

from __future__ import annotations

from leaderboard.attacks.table import attack_table
from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import markdown_table


class Attacks(OfRows):
    """A line for each defense and attack, with what it costs."""

    page = "attacks"

    def markdown(self) -> list[str]:
        return [
            "## Attacks",
            markdown_table(*attack_table(self.table)),
            "Per cent. Success: share of the attacked images that fell. Kept when stored: share of those that are "
            "still wrong when the submitted image is rounded to 8 bit within the allowed perturbation.",
        ]
