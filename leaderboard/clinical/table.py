"""The table of clinical metrics as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import with_interval


def clinical_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): clinical metrics clean and in the worst case, a line each per defense, in per cent."""
    headers = ["Defense", "Images", "Sensitivity", "Specificity", "Balanced accuracy", "AUROC, final image"]
    cells = []
    for row in rows:
        for state, metrics in (("clean", row.clinical_clean), ("worst case", row.clinical_worst)):
            if metrics is not None:
                values = (metrics.sensitivity, metrics.specificity, metrics.balanced_accuracy, metrics.auroc)
                cells.append([row.defense, state, *(with_interval(value) for value in values)])
    return headers, cells
