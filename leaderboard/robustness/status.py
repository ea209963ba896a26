"""Whether a row ranks, and what stands against it."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, Verdict
from leaderboard.robustness.schema import AttackResult


def row_status(failed: list[AttackResult], missing: list[str], flags: tuple[Flag, ...]) -> tuple[str, tuple[str, ...]]:
    """(status, remarks) of a row: the worst of all that stands against it, and everything that does.

    Args:
        failed: Its cells without a result.
        missing: Attacks that a fair row has and this one lacks, in words.
        flags: Its flags.

    Returns:
        "error" where a cell failed; "incomplete" where an attack is missing or a flag that applies was not run;
        "flagged" where a flag fails; "undecided" where one needs more images; else "ranked".
    """
    unrun = [f for f in flags if f.verdict is Verdict.NOT_RUN]
    failing = [f for f in flags if f.verdict is Verdict.FAIL]
    undecided = [f for f in flags if f.verdict is Verdict.UNDECIDED]
    remarks = [f"{r.attack}: {r.reason or r.status}" for r in failed]
    remarks += [f"lacks {m}" for m in missing]
    remarks += [f"not run: {', '.join(ids)} ({reason})" for reason, ids in _by_note(unrun).items()]
    remarks += [f"{f.id}: {f.meaning}" for f in failing]
    remarks += [f"more images needed: {f.id} ({f.note})" for f in undecided]
    status = "ranked"
    if failed:
        status = "error"
    elif missing or unrun:
        status = "incomplete"
    elif failing:
        status = "flagged"
    elif undecided:
        status = "undecided"
    return status, tuple(remarks)


def _by_note(flags: list[Flag]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for flag in flags:
        reasons.setdefault(flag.note, []).append(flag.id)
    return reasons
