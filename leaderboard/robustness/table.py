"""The robustness table as headers and cells of text, for whatever renders it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmark.evaluation.flags.base import Verdict
from benchmark.evaluation.intervals import Estimate
from leaderboard.ranking.table import rank_cell
from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.text import passes, percent, with_interval

MOST_COLUMNS = 8
"""With more attacks than this, the attacks get a table of their own, a line each."""

_MEASURES = (
    "Balanced accuracy, worst case",
    "Robust accuracy, worst case",
    "Sens., worst case",
    "Spec., worst case",
    "AUROC, final image",
)


def robustness_table(rows: Sequence[RobustnessRow], reference: Reference | None) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the robustness table; percentages.

    Args:
        rows: The rows, ranked ones first.
        reference: The constant answer, which stands below them; None where there are no images.
    """
    attacks = attack_columns(rows)
    balanced, robust, *clinical_headers = _MEASURES
    measures = [balanced, "Clean", *attacks, robust, *clinical_headers]
    headers = ["Rank", "Defense", *measures, "Passes", "Flags", "Status"]
    cells = []
    for row in rows:
        clinical = row.clinical_worst
        cells.append(
            [
                rank_cell(row.ranking),
                row.defense,
                with_interval(row.balanced),
                with_interval(row.clean),
                *(attack_cell(row, label, with_interval) for label in attacks),
                with_interval(row.worst),
                with_interval(clinical.sensitivity if clinical else None),
                with_interval(clinical.specificity if clinical else None),
                with_interval(clinical.auroc if clinical else None),
                passes(row.forwards, row.backwards),
                flag_summary(row),
                row.standing,
            ]
        )
    return headers, cells if reference is None else [*cells, _reference_line(reference, len(attacks))]


def attack_columns(rows: Sequence[RobustnessRow]) -> list[str]:
    """The attacks that have a column each; none where they have a table of their own."""
    attacks = list(dict.fromkeys(a.attack for row in rows for a in row.attacks))
    return attacks if len(attacks) <= MOST_COLUMNS else []


def attack_cell(row: RobustnessRow, label: str, shown: Callable[[Estimate], str]) -> str:
    """Robust accuracy under an attack, or why there is none."""
    result = next((a for a in row.attacks if a.attack == label), None)
    if result is None or result.status == "not applicable":
        return "n/a"
    if result.status != "done" or result.robust is None:
        return result.status
    return shown(result.robust)


def _reference_line(reference: Reference, attacks: int) -> list[str]:
    share = with_interval(reference.accuracy)
    return [
        "–",
        f'constant answer "{reference.label}"',
        percent(reference.balanced_accuracy),
        share,
        *[share] * attacks,
        share,
        percent(reference.sensitivity),
        percent(reference.specificity),
        percent(0.5),
        "–",
        "–",
        "reference",
    ]


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
