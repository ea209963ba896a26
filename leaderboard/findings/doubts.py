"""What stands against rows: no rank and why, BPDA alone, checks that warn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.evaluation.flags.base import Verdict
from leaderboard.findings.words import listed, one_or_more
from leaderboard.robustness.schema import RobustnessRow

_REASONS = 2
"""Remarks of a row that are quoted."""
_STATUSES = {
    "error": ("has no result", "have no result"),
    "flagged": ("is flagged and has no rank", "are flagged and have no rank"),
    "incomplete": ("is incomplete and has no rank", "are incomplete and have no rank"),
    "undecided": ("is undecided and has no rank", "are undecided and have no rank"),
}
_OF_ALL = "sample_size"
"""The flag that says what every interval says."""


def unranked(rows: Sequence[RobustnessRow]) -> Iterator[str]:
    """Rows without a rank, and why; those with the same reasons in one sentence."""
    for status, (one, more) in _STATUSES.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for row in rows:
            if row.status == status:
                alike.setdefault(row.remarks, []).append(row.defense)
        for remarks, names in alike.items():
            yield f"{one_or_more(names, one, more)}{_why(remarks)}."


def approximated(rows: Sequence[RobustnessRow]) -> Iterator[str]:
    """Rows that keep something against gradients that are all BPDA's."""
    resting = [row.defense for row in rows if row.worst is not None and row.worst.value > 0 and _bpda_alone(row)]
    if resting:
        yield (
            f"Every gradient attack on {listed(resting)} goes through BPDA, which approximates the gradient: what "
            f"{'it keeps' if len(resting) == 1 else 'they keep'} may be too high."
        )


def warnings(rows: Sequence[RobustnessRow]) -> Iterator[str]:
    """Flags that warn, but for the one about the number of images."""
    warned = [
        f"{row.defense} ({', '.join(names)})"
        for row in rows
        if (names := [f.id for f in row.flags if f.verdict is Verdict.WARN and f.id != _OF_ALL])
    ]
    if warned:
        yield f"Checks warn of {listed(warned)}."


def _why(remarks: Sequence[str]) -> str:
    if not remarks:
        return ""
    quoted = "; ".join(remark.rstrip(".") for remark in remarks[:_REASONS])
    further = len(remarks) - _REASONS
    return f": {quoted}" + (f"; and {further} more" if further > 0 else "")


def _bpda_alone(row: RobustnessRow) -> bool:
    return {attack.gradient for attack in row.attacks if attack.status == "done" and attack.gradient} == {"bpda"}
