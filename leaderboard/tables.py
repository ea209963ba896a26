"""The tables as headers and cells of text, for whatever renders them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.flags.base import Verdict
from leaderboard.schema import DetectionRow, RobustnessRow
from leaderboard.text import interval, passes, percent, spread, with_interval

MOST_COLUMNS = 8
"""With more attacks than this, the attacks get a table of their own, a line each."""


def robustness_table(rows: Sequence[RobustnessRow], *, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the robustness table; percentages. `brief` leaves out the intervals of single attacks."""
    attacks = [a.attack for a in rows[0].attacks]
    if len(attacks) > MOST_COLUMNS:
        attacks = []
    headers = [
        "Rank",
        "Defense",
        "Clean",
        *attacks,
        "Worst case",
        "Sens.",
        "Spec.",
        "AUROC",
        "Passes",
        "Flags",
        "Status",
    ]
    cells, rank = [], 0
    for row in rows:
        rank += row.status == "ranked"
        clinical = row.clinical_worst
        cells.append(
            [
                str(rank) if row.status == "ranked" else "–",
                row.defense,
                with_interval(row.clean),
                *(_attack_cell(row, label, brief=brief) for label in attacks),
                with_interval(row.worst),
                percent(clinical.sensitivity if clinical else None),
                percent(clinical.specificity if clinical else None),
                percent(clinical.auroc if clinical else None),
                passes(row.forwards, row.backwards),
                flag_summary(row),
                row.status,
            ]
        )
    return headers, cells


def attack_table(rows: Sequence[RobustnessRow], *, seconds: bool = False) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per defense and attack that was run or failed; success among attacked images.

    Args:
        rows: The robustness rows.
        seconds: Add how long each attack took; not for published tables, which must be the same bytes every time.
    """
    headers = ["Defense", "Attack", "Bound", "Success", "Robust accuracy", "Forwards", "Backwards"]
    cells = [
        [
            row.defense,
            a.attack,
            a.bound,
            with_interval(a.success) if a.status == "done" else a.status,
            with_interval(a.robust),
            "–" if a.forwards is None else f"{a.forwards:.0f}",
            "–" if a.backwards is None else f"{a.backwards:.0f}",
            *(["–" if a.seconds is None else f"{a.seconds:.1f}"] if seconds else []),
        ]
        for row in rows
        for a in row.attacks
        if a.status != "not applicable"
    ]
    return [*headers, "Seconds"] if seconds else headers, cells


def randomness_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per randomized defense and attack, the clean images first. Percentages."""
    headers = ["Defense", "Decision rule", "Attack", "Any step", "Fresh draws", "Worst of N", "N"]
    cells = []
    for row in rows:
        done = [(a.attack, a.robust, a.fresh) for a in row.attacks if a.fresh]
        for attack, robust, fresh in [("clean", None, row.clean_spread), *done]:
            if fresh is not None:
                numbers = [with_interval(robust), spread(fresh), percent(fresh.worst), str(fresh.draws)]
                cells.append([row.defense, row.decision, attack, *numbers])
    return headers, cells


def detection_table(rows: Sequence[DetectionRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the detection table; each oblivious attack beside its adaptive variants. Percentages."""
    headers = [
        "Defense",
        "Detector",
        "Attack",
        "Trained on",
        "n",
        "Success",
        "AUC",
        "AUC two-sided",
        "TPR@90",
        "Through at 10 % FPR",
        "Through at 5 % FPR",
    ]
    ordered = sorted(rows, key=lambda r: (_order(rows, r.detector), _order_attack(rows, r.trained_on)))
    cells = []
    for row in ordered:
        metrics = row.metrics
        if metrics is None:
            cells.append([row.defense, row.detector, row.attack, row.trained_on, "–", row.status, *["–"] * 5])
            continue
        cells.append(
            [
                row.defense,
                row.detector,
                row.attack,
                row.trained_on,
                str(row.n),
                percent(row.success.value if row.success else None),
                f"{percent(metrics.auc)} {interval(metrics.auc_interval)}",
                percent(metrics.auc_two_sided),
                percent(metrics.at_10.adversarial),
                percent(metrics.at_10.joint_success),
                f"{percent(metrics.at_5.joint_success)} {interval(metrics.at_5.joint_success_interval)}",
            ]
        )
    return headers, cells


def flag_summary(row: RobustnessRow) -> str:
    """The raised flags by verdict, and how many were not run."""
    parts = []
    for verdict in (Verdict.FAIL, Verdict.UNDECIDED, Verdict.WARN):
        names = [f.id for f in row.flags if f.verdict is verdict]
        if names:
            parts.append(f"{verdict.value}: {', '.join(names)}")
    if row.not_run:
        parts.append(f"{len(row.not_run)} not run")
    return "; ".join(parts) or "none raised"


def clinical_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): clinical metrics clean and in the worst case, in per cent."""
    names = ("Sensitivity", "Specificity", "Balanced accuracy", "AUROC")
    headers = ["Defense", *(f"{name}, {state}" for name in names for state in ("clean", "worst case"))]
    cells = []
    for row in rows:
        values = []
        for field in ("sensitivity", "specificity", "balanced_accuracy", "auroc"):
            values += [percent(getattr(m, field) if m else None) for m in (row.clinical_clean, row.clinical_worst)]
        cells.append([row.defense, *values])
    return headers, cells


def _attack_cell(row: RobustnessRow, label: str, *, brief: bool) -> str:
    result = next((a for a in row.attacks if a.attack == label), None)
    if result is None or result.status == "not applicable":
        return "n/a"
    if result.status != "done" or result.robust is None:
        return result.status
    return percent(result.robust.value) if brief else with_interval(result.robust)


def _order(rows: Sequence[DetectionRow], detector: str) -> int:
    return next(i for i, r in enumerate(rows) if r.detector == detector)


def _order_attack(rows: Sequence[DetectionRow], attack: str) -> int:
    return next((i for i, r in enumerate(rows) if r.attack == attack), len(rows))
