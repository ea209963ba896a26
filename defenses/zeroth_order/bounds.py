"""Refusing settings that make no sense, by name and with what to give instead."""

from __future__ import annotations

import math

from benchmark.core.errors import UserError, did_you_mean


def check_choice(key: str, value: str, known: tuple[str, ...], *, where: str) -> None:
    """Raise UserError unless `value` is one of `known`."""
    if value not in known:
        raise UserError(f"{key} {value!r} is unknown", where=where, remedy=did_you_mean(str(value), list(known)))


def check_whole(key: str, value: int, lowest: int, *, where: str) -> None:
    """Raise UserError unless `value` is a whole number of at least `lowest`."""
    if not isinstance(value, int) or value < lowest:
        raise UserError(f"{key} is {value!r}", where=where, remedy=f"give a whole number of {lowest} or more")


def check_number(key: str, value: float, *, positive: bool = False, where: str) -> None:
    """Raise UserError unless `value` is a finite number of 0 or more, or above 0 where `positive`."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf or (positive and value == 0):
        raise UserError(f"{key} is {value!r}", where=where, remedy=f"give a number {'above' if positive else 'from'} 0")
