"""Findings: exact sentences for boards made by hand, and never more than the intervals allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.evaluation.flags.base import Flag, Verdict
from benchmark.evaluation.intervals import Estimate, Interval
from leaderboard.board import Board, read_board
from leaderboard.findings.levels import levels
from leaderboard.findings.places import places
from leaderboard.findings.section import Findings
from leaderboard.findings.sentences import findings
from leaderboard.pages.markdown import to_markdown
from leaderboard.robustness import rows
from leaderboard.robustness.schema import RobustnessRow
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame
from tests.records.made_by_hand import facts

LABELS = np.repeat([0, 1], [50, 150])
EVERYTHING = np.ones(200, dtype=bool)
CONSTANT = "an answer that looks at no image (50.0 %)"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandMadeRun:
    """A run whose rows no flag stands against."""
    monkeypatch.setattr(rows, "evaluate_flags", lambda _: [])
    return HandMadeRun(tmp_path)


def row(made: HandMadeRun, name: str, robust: np.ndarray, **more: object) -> None:
    clean = clean_frame(LABELS.tolist(), EVERYTHING.tolist())
    made.row(name, clean, {"pgd": attack_frame(clean, robust.tolist())})
    made.cells[-1] |= more


def board(made: HandMadeRun) -> Board:
    made.manifest()
    return read_board(made.store.root)


def said(made: HandMadeRun) -> list[str]:
    section = board(made).section(Findings)
    assert section is not None
    return list(section.sentences)


def test_what_holds_what_falls_and_of_what_nothing_is_left(made: HandMadeRun) -> None:
    row(made, "none", ~EVERYTHING)
    row(made, "firm", np.arange(200) % 10 > 0)
    row(made, "weak", np.arange(200) % 10 > 7)
    assert said(made) == [
        "3 of 3 rows are ranked, on 200 images.",
        f"firm (90.0 % [83.6, 93.4]) holds: in worst-case balanced accuracy above {CONSTANT}.",
        f"weak (20.0 % [14.8, 27.4]) falls: in worst-case balanced accuracy below {CONSTANT}.",
        "Nothing is left of none (0.0 % [0.0, 1.9]): no image is right in the worst case.",
        "firm stands first and is told apart from every other ranked row.",
    ]


def test_a_constant_answer_neither_holds_nor_falls(made: HandMadeRun) -> None:
    row(made, "always-ill", LABELS == 1)
    row(made, "none", ~EVERYTHING)
    constant = said(made)[1]
    assert constant.startswith("always-ill (50.0 % [")
    assert constant.endswith(
        "is neither shown to be above an answer that looks at no image (50.0 %) in worst-case balanced accuracy nor "
        "below it."
    )
    assert not any("more than any ranked row keeps" in sentence for sentence in said(made)), "it keeps as much"


def test_where_all_keep_less_than_a_constant_answer_it_is_said(made: HandMadeRun) -> None:
    row(made, "none", ~EVERYTHING)
    row(made, "firm", np.arange(200) % 10 > 2)
    assert (
        'The answer "disease" to every image is right on 75.0 % of them, attacked or not: more than any ranked row '
        "keeps." in said(made)
    )


def test_rows_that_cannot_be_told_apart_are_named(made: HandMadeRun) -> None:
    row(made, "one", np.arange(200) % 10 > 1)
    row(made, "two", (np.arange(200) % 10 > 1) & (np.arange(200) != 2))
    row(made, "none", ~EVERYTHING)
    found = said(made)
    assert "one and two share rank 1: a paired test on the same images does not tell the two apart." in found
    assert not any("stands first" in sentence for sentence in found)


def test_rows_of_different_ranks_that_are_not_told_apart_are_named_too(made: HandMadeRun) -> None:
    for name in ("a", "b", "c"):
        row(made, name, EVERYTHING)
    ranked = [r for r in board(made).robustness if r.ranking]
    # a is better than c; b is told apart from neither.
    like, ranks = {"a": ("b",), "b": ("a", "c"), "c": ("b",)}, {"a": 1, "b": 1, "c": 2}
    placed = [
        replace(r, ranking=replace(r.ranking, rank=ranks[r.defense], like=like[r.defense])) for r in ranked if r.ranking
    ]
    assert list(places(placed)) == [
        "a and b share rank 1: a paired test on the same images does not tell the two apart.",
        "It does not tell b from c either.",
    ]
    alone = [
        replace(r, ranking=replace(r.ranking, rank=number, like=())) for number, r in enumerate(ranked, 1) if r.ranking
    ]
    assert list(places(alone)) == ["a stands first and is told apart from every other ranked row."]
    assert list(places(ranked[:1])) == []


def test_no_rank_and_why(made: HandMadeRun) -> None:
    row(made, "one", EVERYTHING)
    row(made, "two", EVERYTHING)
    row(made, "three", EVERYTHING)
    for name, missing in (
        ("one", ("a black-box attack",)),
        ("two", ("a black-box attack",)),
        ("three", ("a", "b", "c")),
    ):
        made.defenses[name] = made.defenses[name].model_copy(update={"missing": missing})
    assert said(made) == [
        "0 of 3 rows are ranked, on 200 images.",
        "one and two are incomplete and have no rank: lacks a black-box attack.",
        "three is incomplete and has no rank: lacks a; lacks b; and 1 more.",
    ]


def test_a_row_that_failed_says_why(made: HandMadeRun) -> None:
    row(made, "none", EVERYTHING, status="error", reason="out of memory", key=None)
    assert said(made) == ["No row is ranked, on 200 images.", "none has no result: pgd: out of memory."]


@pytest.mark.parametrize(
    ("gradient", "sees", "resting"), [("bpda", True, True), ("bpda", False, False), ("exact", True, False)]
)
def test_what_rests_on_bpda_alone(made: HandMadeRun, gradient: str, sees: bool, resting: bool) -> None:
    row(made, "jpeg", np.arange(200) % 10 > 1, facts=facts(gradient=gradient, sees_defense=sees))
    sentence = (
        "Every gradient attack on jpeg goes through BPDA, which approximates the gradient: what it keeps may be too "
        "high."
    )
    assert (sentence in said(made)) is resting


def test_nothing_kept_rests_on_nothing(made: HandMadeRun) -> None:
    row(made, "jpeg", ~EVERYTHING, facts=facts(gradient="bpda"))
    assert not any("BPDA" in sentence for sentence in said(made))


def test_checks_that_warn_are_named_but_for_the_number_of_images(made: HandMadeRun) -> None:
    row(made, "none", EVERYTHING)
    (found,) = board(made).robustness
    flags = tuple(Flag(name, Verdict.WARN, None, "", 0, "") for name in ("sample_size", "eps_monotone"))
    assert findings([replace(found, flags=flags)], None)[-1] == "Checks warn of none (eps_monotone)."
    assert not any("Checks" in sentence for sentence in findings([replace(found, flags=flags[:1])], None))


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.51, 0.7, "holds"), (0.5, 0.7, "neither"), (0.3, 0.5, "neither"), (0.3, 0.49, "falls")]
)
def test_an_interval_that_touches_the_constant_answer_decides_nothing(
    made: HandMadeRun, low: float, high: float, word: str
) -> None:
    row(made, "none", np.arange(200) % 10 > 4)
    (found,) = board(made).robustness
    moved: RobustnessRow = replace(found, balanced=Estimate(0.5, Interval(low, high)))
    assert f" {word}" in " ".join(levels([moved], None))


def test_they_stand_above_the_table_and_labels_are_no_markup(made: HandMadeRun) -> None:
    row(made, "<b>*none*", EVERYTHING)
    text = to_markdown(board(made))
    assert text.index("The only row is ranked") < text.index("| Rank") < text.index("## Protocol and data")
    assert "<b>" not in text.replace("\\<b", "")
