"""Whether ranks can be told apart."""

from __future__ import annotations

from leaderboard.ranking.table import ranking_table
from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import markdown_table


class Ranks(OfRows):
    """Each ranked row beside the one below it."""

    page = "robustness"

    def markdown(self) -> list[str]:
        headers, cells = ranking_table(self.table)
        if not cells:
            return []
        return [
            "## Can the ranks be told apart?",
            markdown_table(headers, cells),
            "Difference: in worst-case balanced accuracy, on the same images, in per cent points with its 95 % "
            "interval. The images needed would find this difference in four of five studies.",
        ]
