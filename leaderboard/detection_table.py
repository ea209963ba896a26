"""The detection table as headers and cells of text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.schema import DetectionRow
from leaderboard.text import with_interval

_METRICS = (
    "AUC",
    "AUC two-sided",
    "AUC fooled",
    "TPR@90",
    "TPR@90 stored",
    "FPR moved",
    "Through at 10 % FPR",
    "Through at 5 % FPR",
)


def detection_table(rows: Sequence[DetectionRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the detection table; each oblivious attack beside its adaptive variants. Percentages."""
    headers = ["Defense", "Detector", "Attack", "Trained on", "n", "Success", *_METRICS, "Status"]
    ordered = sorted(rows, key=lambda r: (_order(rows, r.detector), _order_attack(rows, r.trained_on)))
    cells = []
    for row in ordered:
        count = "–" if row.metrics is None else str(row.n)
        names = [row.defense, row.detector, row.attack, row.trained_on, count, with_interval(row.success)]
        cells.append([*names, *_metrics(row), row.status])
    return headers, cells


def _metrics(row: DetectionRow) -> list[str]:
    found = row.metrics
    if found is None:
        return ["–"] * len(_METRICS)
    credited = (found.auc, found.auc_two_sided, found.auc_fooled, found.at_10.adversarial)
    against = (found.at_10.stored, found.at_10.moved)
    through = (found.at_10.joint_success, found.at_5.joint_success)
    if row.status == "no credit":
        credited, through = (None,) * 4, (None,) * 2
    return [with_interval(value) for value in (*credited, *against, *through)]


def _order(rows: Sequence[DetectionRow], detector: str) -> int:
    return next(i for i, r in enumerate(rows) if r.detector == detector)


def _order_attack(rows: Sequence[DetectionRow], attack: str) -> int:
    return next((i for i, r in enumerate(rows) if r.attack == attack), len(rows))
