"""Paired differences: the published formula, coverage, patients; McNemar's test against SciPy's binomial one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmark.evaluation.paired import mcnemar_exact, paired_difference


def outcomes(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = [True] * both + [True] * first + [False] * second + [False] * neither
    other = [True] * both + [False] * first + [True] * second + [False] * neither
    return np.array(one), np.array(other)


def test_the_interval_is_bonetts_and_prices() -> None:
    # 20 and 8 discordant of 100: p̃ = 21/102 and 9/102, d̃ = 12/102, half = 1.96 √((30/102 − (12/102)²) / 102).
    found = paired_difference(*outcomes(40, 20, 8, 32), range(100))
    half = 1.959964 * np.sqrt((30 / 102 - (12 / 102) ** 2) / 102)
    assert found.value == pytest.approx(0.12)
    assert (found.interval.low, found.interval.high) == pytest.approx((12 / 102 - half, 12 / 102 + half))


def test_rows_that_agree_on_every_image_still_have_a_width() -> None:
    found = paired_difference(*outcomes(10, 0, 0, 2), range(12))
    assert found.value == 0
    assert found.interval.low == -found.interval.high < -0.1


@pytest.mark.parametrize(("first", "second", "neither"), [(0.2, 0.1, 0.3), (0.05, 0.0, 0.9), (0.4, 0.4, 0.1)])
def test_it_covers(first: float, second: float, neither: float) -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        kind = rng.choice(4, size=40, p=[1 - first - second - neither, first, second, neither])
        interval = paired_difference(kind < 2, (kind == 0) | (kind == 2), range(40)).interval
        covered += interval.low <= first - second <= interval.high
    assert covered / 2000 >= 0.935


def test_copies_of_images_of_a_patient_add_nothing() -> None:
    one, other = outcomes(12, 6, 2, 10)
    copied = paired_difference(np.repeat(one, 5), np.repeat(other, 5), np.repeat(np.arange(30), 5).tolist())
    single, naive = (
        paired_difference(one, other, range(30)),
        paired_difference(np.repeat(one, 5), np.repeat(other, 5), range(150)),
    )
    assert copied.interval.half_width == pytest.approx(single.interval.half_width, rel=0.05)
    assert naive.interval.half_width < 0.6 * copied.interval.half_width


@pytest.mark.parametrize(("first", "second"), [(0, 0), (4, 0), (0, 4), (9, 2), (5, 5), (30, 12)])
def test_mcnemars_test_is_a_binomial_one(first: int, second: int) -> None:
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar_exact(*outcomes(7, first, second, 3)) == pytest.approx(expected)
