"""Clinical metrics."""

from __future__ import annotations

from leaderboard.clinical.table import clinical_table
from leaderboard.robustness.of_rows import OfRows
from leaderboard.text import markdown_table


class Clinical(OfRows):
    """Sensitivity, specificity, balanced accuracy and AUROC, clean and in the worst case."""

    page = "robustness"

    def markdown(self) -> list[str]:
        return [
            "## Clinical metrics",
            markdown_table(*clinical_table(self.table)),
            "Per cent, at the deployed operating point. Rules as in the first table.",
        ]
