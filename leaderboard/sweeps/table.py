"""A sweep as text: a line a value, a column a curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaderboard.sweeps.schema import SweepResult
from leaderboard.text import with_interval

Table = tuple[str, list[str], list[list[str]]]


def sweep_tables(results: Sequence[SweepResult]) -> Iterator[Table]:
    """(what is swept and on what, headers, cells) of each sweep, defense and detector."""
    for (sweep, defense, detector), own in panels(results).items():
        watched = "" if detector == "none" else f", {detector} watching"
        curves = list(dict.fromkeys(result.curve for result in own))
        at = {(result.point.value, result.curve): result for result in own}
        values = list(dict.fromkeys(result.point.value for result in own))
        cells = [[value, *(_cell(at.get((value, curve))) for curve in curves)] for value in values]
        yield f"{sweep}: {own[0].point.setting} of {defense}{watched}", [own[0].point.setting, *curves], cells


def panels(results: Sequence[SweepResult]) -> dict[tuple[str, str, str], list[SweepResult]]:
    """The results by sweep, defense and detector."""
    found: dict[tuple[str, str, str], list[SweepResult]] = {}
    for result in results:
        found.setdefault((result.point.sweep, result.defense, result.detector), []).append(result)
    return found


def _cell(result: SweepResult | None) -> str:
    if result is None:
        return "–"
    return with_interval(result.share) if result.status in ("done", "no credit") else result.status
