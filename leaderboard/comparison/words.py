"""A comparison as text and as plain values."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.intervals import Estimate
from leaderboard.comparison.comparison import Comparison
from leaderboard.text import with_interval


def sentences(found: Comparison) -> list[str]:
    """Lines for a reader; numbers in per cent and per cent points."""
    verdict = "told apart" if found.apart else "not told apart"
    return [
        f"{found.first}: {with_interval(found.robust_first)} % right in the worst case",
        f"{found.second}: {with_interval(found.robust_second)} %",
        f"Difference: {with_interval(found.difference)} per cent points on the {found.n:,} images that both saw",
        f"Only the first keeps {found.only_first}, only the second {found.only_second}: p = {found.p:.3g} "
        f"({found.test}); {verdict}",
        *(f"note: {note}" for note in found.notes),
    ]


def values(found: Comparison) -> dict[str, Any]:
    """Everything, shares in [0, 1]."""
    return {
        "first": found.first,
        "second": found.second,
        "n": found.n,
        "robust_first": _estimate(found.robust_first),
        "robust_second": _estimate(found.robust_second),
        "difference": _estimate(found.difference),
        "only_first": found.only_first,
        "only_second": found.only_second,
        "p": found.p,
        "test": found.test,
        "told_apart": found.apart,
        "notes": list(found.notes),
    }


def _estimate(value: Estimate) -> dict[str, float]:
    return {"value": value.value, "low": value.interval.low, "high": value.interval.high}
