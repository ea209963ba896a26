"""The exact sign test against scipy's, also where a power of two has no place in a float."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import binomtest

from benchmark.evaluation.sign_test import sign_test


@given(first=some.integers(0, 400), second=some.integers(0, 400))
def test_it_is_the_tail_of_fair_coins(first: int, second: int) -> None:
    if first + second == 0:
        assert sign_test(first, second) == 1
    else:
        assert sign_test(first, second) == pytest.approx(
            binomtest(first, first + second, 0.5, alternative="greater").pvalue, rel=1e-9
        )


def test_thousands_of_images_do_not_overflow() -> None:
    assert sign_test(2600, 2400) == pytest.approx(binomtest(2600, 5000, 0.5, alternative="greater").pvalue, rel=1e-9)
    assert sign_test(0, 5000) == 1
