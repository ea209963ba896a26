"""Which rows rank, and what is said of those that do not."""

from __future__ import annotations

from dataclasses import fields

import pytest

from benchmark.evaluation.flags.base import Flag, Verdict
from leaderboard.robustness.schema import AttackResult
from leaderboard.robustness.status import row_status


def flag(name: str, verdict: Verdict, note: str = "") -> Flag:
    return Flag(name, verdict, None, "", 0, "The number is too good.", note)


EMPTY = dict.fromkeys(field.name for field in fields(AttackResult))
FAILED = AttackResult(**{**EMPTY, "attack": "pgd", "status": "error", "reason": "out of memory"})
PASSED = (flag("a", Verdict.PASS), flag("b", Verdict.WARN), flag("c", Verdict.NOT_APPLICABLE, "does not apply: no"))
FAILING = flag("zero_gradient", Verdict.FAIL)
UNRUN = flag("dynamic", Verdict.NOT_RUN, "no probe was run")
OPEN = flag("black_box", Verdict.UNDECIDED, "3 of 64")


@pytest.mark.parametrize(
    ("failed", "missing", "flags", "status"),
    [
        ([], [], (), "ranked"),
        ([], [], PASSED, "ranked"),
        ([], [], (*PASSED, OPEN), "undecided"),
        ([], [], (*PASSED, OPEN, FAILING), "flagged"),
        ([], [], (*PASSED, UNRUN), "incomplete"),
        ([], ["a black-box attack"], PASSED, "incomplete"),
        ([FAILED], ["a black-box attack"], (*PASSED, FAILING), "error"),
    ],
)
def test_only_a_row_without_fault_gap_or_doubt_ranks(
    failed: list[AttackResult], missing: list[str], flags: tuple[Flag, ...], status: str
) -> None:
    assert row_status(failed, missing, flags)[0] == status


def test_the_remarks_name_everything_that_stands_against_the_row() -> None:
    another = flag("train_mode", Verdict.NOT_RUN, "no probe was run")
    _, remarks = row_status([FAILED], ["a black-box attack"], (*PASSED, FAILING, UNRUN, another, OPEN))
    assert remarks == (
        "pgd: out of memory",
        "lacks a black-box attack",
        "not run: dynamic, train_mode (no probe was run)",
        "zero_gradient: The number is too good.",
        "more images needed: black_box (3 of 64)",
    )
