"""A study as text: the defenses of one study below each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmark.records.study_findings import Cell, Column, Measured
from leaderboard.studies.schema import StudyReport
from leaderboard.text import number, percent

Table = tuple[str, list[str], list[list[str]]]


def study_tables(reports: Sequence[StudyReport]) -> Iterator[Table]:
    """(study, headers, cells) of each study; defenses whose tables have other columns have one of their own."""
    groups: dict[tuple[str, tuple[Column, ...]], list[StudyReport]] = {}
    for report in reports:
        if report.found is not None:
            groups.setdefault((report.study, report.found.columns), []).append(report)
    for (study, columns), own in groups.items():
        headers = ["Defense", "n", *(_header(column) for column in columns)]
        cells = [
            [report.defense, str(report.images), *map(in_words, row, columns)]
            for report in own
            for row in (report.found.rows if report.found else ())
        ]
        yield study, headers, cells


def in_words(cell: Cell, column: Column) -> str:
    """A cell as a reader sees it."""
    if isinstance(cell, Measured):
        ends = (
            ""
            if cell.low is None or cell.high is None
            else f" [{_plain(cell.low, column)}, {_plain(cell.high, column)}]"
        )
        return _plain(cell.value, column) + ends
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else _plain(cell, column)


def _plain(value: float, column: Column) -> str:
    if column.unit == "%":
        return percent(value)
    return number(value) if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"


def _header(column: Column) -> str:
    return f"{column.name} ({column.unit})" if column.unit else column.name
