"""The robustness table for a screen: six columns that are always there, and more where there is room."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.intervals import Estimate
from leaderboard.reference.rows import Reference
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.robustness.table import attack_cell, attack_columns, flag_summary
from leaderboard.summary.table import summary_table
from leaderboard.text import passes, percent, with_interval

Groups = list[tuple[int, ...]]


def screen_table(
    rows: Sequence[RobustnessRow], reference: Reference | None
) -> tuple[list[str], list[list[str]], Groups]:
    """(headers, cells, groups of columns that may be left out, the last group first); percentages.

    Args:
        rows: The rows, ranked ones first.
        reference: The constant answer, which stands below them; None where there are no images.
    """
    attacks = attack_columns(rows)
    summary, lines = summary_table(rows, reference)
    *first, status = summary
    headers = [*first, "Balanced", *attacks, "Sens.", "Spec.", "AUROC", "Flags", "Passes", status]
    more = [_more(row, attacks) for row in rows]
    if reference is not None:
        same, measures = percent(reference.accuracy.value), (reference.sensitivity, reference.specificity, 0.5)
        balanced = percent(reference.balanced_accuracy)
        more.append([balanced, *[same] * len(attacks), *(percent(value) for value in measures), "–", "–"])
    cells = [[*line[:-1], *added, line[-1]] for line, added in zip(lines, more, strict=True)]
    balanced_at, clinical_at = len(first), len(first) + 1 + len(attacks)
    groups: Groups = [
        (balanced_at,),
        tuple(range(balanced_at + 1, clinical_at)),
        tuple(range(clinical_at, clinical_at + 3)),
        (clinical_at + 3,),
        (clinical_at + 4,),
    ]
    return headers, cells, groups


def _more(row: RobustnessRow, attacks: Sequence[str]) -> list[str]:
    clinical = row.clinical_worst
    measures = (clinical.sensitivity, clinical.specificity, clinical.auroc) if clinical else (None, None, None)
    return [
        with_interval(row.balanced),
        *(attack_cell(row, label, _value) for label in attacks),
        *(_value(measure) for measure in measures),
        flag_summary(row),
        passes(row.forwards, row.backwards),
    ]


def _value(estimate: Estimate | None) -> str:
    return percent(estimate.value if estimate else None)
