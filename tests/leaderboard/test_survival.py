"""Survival curves: closed forms on hand-made records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.records.run_record import CellRecord
from leaderboard.pages.flat_csv import flat_table
from leaderboard.survival.rows import survival_curve
from leaderboard.survival.schema import SurvivalCurve
from leaderboard.survival.section import Survival
from leaderboard.survival.table import round_steps, survival_table
from tests.records.made_by_hand import THREAT, facts


def curve(
    records: list[tuple[bool, bool, int]],
    steps: int | None = 10,
    queries: int | None = None,
    **known: object,
) -> SurvivalCurve:
    """The curve of (attacked, robust, broken_at) records."""
    cell = CellRecord(
        table="robustness",
        defense="none",
        attack="pgd",
        detector="none",
        key="k",
        status="done",
        reason="",
        threat=THREAT,
        facts=facts(steps=steps, queries=queries, **known),
    )
    return survival_curve(cell, pd.DataFrame(records, columns=["attacked", "robust", "broken_at"]))


WRONG_FROM_THE_START = (False, False, -1)
STANDS = (True, True, -1)


def fell(step: int) -> tuple[bool, bool, int]:
    return (True, False, step)


def test_the_closed_form() -> None:
    found = curve([WRONG_FROM_THE_START, STANDS, fell(0), fell(3), fell(3), fell(7), STANDS, STANDS])
    assert found.clean == 7 / 8
    assert found.steps == (0, 3, 7, 10)
    assert found.accuracy == (6 / 8, 4 / 8, 3 / 8, 3 / 8)
    assert [found.at(s) for s in (0, 2, 3, 6, 7, 99)] == [6 / 8, 6 / 8, 4 / 8, 4 / 8, 3 / 8, 3 / 8]
    assert found.followed


def test_an_unknown_step_counts_at_the_end() -> None:
    found = curve([STANDS, fell(-1), fell(2), fell(-1)])
    assert found.steps == (0, 2, 10)
    assert found.accuracy == (1.0, 0.75, 0.25)
    assert found.followed
    silent = curve([STANDS, fell(-1)])
    assert silent.accuracy == (1.0, 0.5)
    assert not silent.followed, "an attack that never says when is no curve"


def test_a_curve_on_which_nothing_fell_is_one_if_the_attacker_would_have_known() -> None:
    assert curve([STANDS, WRONG_FROM_THE_START]).followed
    assert not curve([STANDS, WRONG_FROM_THE_START], sees_defense=False).followed


def test_an_image_that_stands_in_the_end_never_falls() -> None:
    assert curve([(True, True, 4), STANDS]).accuracy == (1.0, 1.0)


@pytest.mark.parametrize(
    ("steps", "queries", "broken", "last"),
    [(10, None, 4, 10), (10, None, 35, 35), (None, 500, 4, 500), (None, None, -1, 1), (1, None, 1, 1)],
)
def test_where_a_curve_ends(steps: int | None, queries: int | None, broken: int, last: int) -> None:
    found = curve([STANDS, fell(broken)], steps, queries)
    assert found.steps[-1] == last
    assert found.followed == (steps == 10)


RECORDS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(-1, 40)).map(lambda r: (r[0], r[0] and r[1], r[2])), min_size=1
)


@given(RECORDS)
def test_it_never_rises_and_ends_at_the_robust_accuracy(records: list[tuple[bool, bool, int]]) -> None:
    found = curve(records)
    assert list(found.accuracy) == sorted(found.accuracy, reverse=True)
    assert found.clean >= found.accuracy[0]
    assert found.accuracy[-1] == pytest.approx(np.mean([robust for _, robust, _ in records]))
    assert list(found.steps) == sorted(set(found.steps))
    inner = list(zip(found.accuracy, found.accuracy[1:-1], strict=False))
    assert all(before > after for before, after in inner), "between first and last only changes are kept"


def test_the_file_and_the_table() -> None:
    curves = [curve([STANDS, fell(3)]), curve([STANDS, fell(-1)], None)]
    lines = flat_table(Survival(tuple(curves)).own_rows(), Survival.columns).splitlines()
    assert lines[0] == "defense,attack,step,robust_accuracy"
    assert lines[1:] == ["none,pgd,0,1.0", "none,pgd,3,0.5", "none,pgd,10,0.5", "none,pgd,0,1.0", "none,pgd,1,0.5"]
    headers, cells = survival_table(curves)
    assert headers == ["Defense", "Attack", "Clean", "0", "1", "2", "5", "10", "End", "Last step"]
    assert cells == [["none", "pgd", "100.0", "100.0", "100.0", "100.0", "50.0", "50.0", "50.0", "10"]]
    assert flat_table(Survival(()).own_rows(), Survival.columns) == "defense,attack,step,robust_accuracy\n"
    assert list(round_steps(130)) == [1, 2, 5, 10, 20, 50, 100]
