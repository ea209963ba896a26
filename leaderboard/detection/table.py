"""The detection table as headers and cells of text."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.intervals import Estimate
from leaderboard.detection.schema import DetectionRow
from leaderboard.text import percent, with_interval

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


def detection_table(rows: Sequence[DetectionRow], *, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the detection table; each oblivious attack beside its adaptive variants. Percentages.

    Args:
        rows: The rows.
        brief: Leave out the intervals.
    """
    headers = ["Defense", "Detector", "Attack", "Trained on", "n", "Success", *_METRICS, "Status"]

    def shown(value: Estimate | None) -> str:
        return percent(value.value if value else None) if brief else with_interval(value)

    ordered = sorted(rows, key=lambda r: (_order(rows, r.detector), _order_attack(rows, r.trained_on)))
    cells = []
    for row in ordered:
        count = "–" if row.metrics is None else str(row.n)
        names = [row.defense, row.detector, row.attack, row.trained_on, count, shown(row.success)]
        cells.append([*names, *(shown(value) for value in _metrics(row)), row.status])
    return headers, cells


def _metrics(row: DetectionRow) -> tuple[Estimate | None, ...]:
    found = row.metrics
    if found is None:
        return (None,) * len(_METRICS)
    credited: tuple[Estimate | None, ...] = (found.auc, found.auc_two_sided, found.auc_fooled, found.at_10.adversarial)
    against = (found.at_10.stored, found.at_10.moved)
    through: tuple[Estimate | None, ...] = (found.at_10.joint_success, found.at_5.joint_success)
    if row.status == "no credit":
        credited, through = (None,) * 4, (None,) * 2
    return (*credited, *against, *through)


def _order(rows: Sequence[DetectionRow], detector: str) -> int:
    return next(i for i, r in enumerate(rows) if r.detector == detector)


def _order_attack(rows: Sequence[DetectionRow], attack: str) -> int:
    return next((i for i, r in enumerate(rows) if r.attack == attack), len(rows))
