"""An exact test of which of two happens more often."""

from __future__ import annotations

import math
from fractions import Fraction


def sign_test(first: int, second: int) -> float:
    """One-sided p-value of "what happened `first` times is no likelier than what happened `second` times".

    The chance that of `first` + `second` fair coins `first` or more fall the first way, summed over whole numbers.

    Args:
        first, second: Counts, 0 or more.

    Returns:
        p in (0, 1]; 1 where nothing happened.
    """
    coins = first + second
    return float(Fraction(sum(math.comb(coins, heads) for heads in range(first, coins + 1)), 2**coins))
