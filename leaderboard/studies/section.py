"""Studies in every document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmark.records.study_findings import Cell, Measured
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table
from leaderboard.studies.figure import draw_studies
from leaderboard.studies.pictures import Block, draw_pictures
from leaderboard.studies.rows import study_reports
from leaderboard.studies.schema import StudyReport
from leaderboard.studies.table import study_tables
from leaderboard.text import escape, markdown_table


@dataclass(frozen=True)
class Studies(Section):
    """What studies found of each defense.

    Attributes:
        reports: Every study of every defense.
    """

    page = "studies"
    file = "studies.csv"
    picture = "studies.png"
    columns = (
        "study",
        "method",
        "defense",
        "status",
        "reason",
        "n",
        "row",
        "column",
        "unit",
        "value",
        "low",
        "high",
        "text",
    )

    reports: tuple[StudyReport, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        reports = results.once(study_reports)
        return cls(reports) if reports else None

    def markdown(self) -> list[str]:
        parts = ["## Studies"]
        readings = {report.study: report.reading for report in self.reports if report.reading}
        methods = {report.study: report.method for report in self.reports}
        for study, headers, cells in study_tables(self.reports):
            of = "" if methods[study] == study else f" (`{methods[study]}`)"
            parts += [f"### {escape(study)}{of}", markdown_table(headers, cells)]
            parts += [escape(readings[study])] if study in readings else []
        missing = [f"- {escape(line)}" for line in self._without_result()]
        return [*parts, "### Studies without a result", "\n".join(missing)] if missing else parts

    def terminal(self) -> list[Table | Note]:
        return [
            Table(f"study {name}", headers, cells, detail=True) for name, headers, cells in study_tables(self.reports)
        ]

    def own_rows(self) -> list[Line]:
        return [line for report in self.reports for line in _lines(report)]

    def figure(self, title: str) -> bytes | None:
        return draw_studies(self.reports, title)

    def failures(self) -> list[str]:
        return [f"study {line}" for line in self._unfinished("error")]

    def _unfinished(self, *statuses: str) -> list[str]:
        return [f"{r.study} of {r.defense} ({r.status}): {r.reason}" for r in self.reports if r.status in statuses]

    def _without_result(self) -> list[str]:
        """A line for each study and reason, with all defenses that it holds for."""
        together: dict[tuple[str, str, str], list[str]] = {}
        for report in self.reports:
            if report.status in ("error", "not run", "not applicable"):
                together.setdefault((report.study, report.status, report.reason), []).append(report.defense)
        return [f"{study} ({status}: {reason}): {', '.join(of)}" for (study, status, reason), of in together.items()]


@dataclass(frozen=True)
class StudyPictures(Section):
    """Images of studies to look at, as a figure alone; they are read when they are drawn.

    Attributes:
        reports: Those with pictures.
        results: The run.
    """

    page = "studies"
    picture = "studies-images.png"

    reports: tuple[StudyReport, ...]
    results: Results

    @classmethod
    def of(cls, results: Results) -> Self | None:
        reports = tuple(r for r in results.once(study_reports) if r.found is not None and r.found.picture_rows)
        return cls(reports, results) if reports else None

    def markdown(self) -> list[str]:
        return []

    def figure(self, title: str) -> bytes | None:
        read = [alone(lambda r=report: self._block(r), lambda _: None) for report in self.reports]  # type: ignore[misc]
        blocks = [block for block in read if block is not None]
        return draw_pictures(blocks, title, phantom=self.results.run.data.phantom) if blocks else None

    def _block(self, report: StudyReport) -> Block:
        assert report.found is not None
        rows, columns = report.found.picture_rows, report.found.picture_columns
        images = self.results.store.arrays(report.key, "pictures")["pictures"]
        if images.dtype != np.uint8 or images.ndim != 5 or images.shape[:2] != (len(rows), len(columns)):
            raise ValueError("its pictures are not what its labels say")
        return Block(f"{report.study}: {report.defense}", rows, columns, images)


def _lines(report: StudyReport) -> Iterator[Line]:
    about: Line = {
        "study": report.study,
        "method": report.method,
        "defense": report.defense,
        "status": report.status,
        "reason": report.reason,
        "n": report.images,
    }
    if report.found is None:
        yield about
        return
    for number, row in enumerate(report.found.rows):
        for column, cell in zip(report.found.columns, row, strict=True):
            yield {**about, "row": number, "column": column.name, "unit": column.unit, **_flat(cell)}


def _flat(cell: Cell) -> Line:
    if isinstance(cell, Measured):
        return {"value": cell.value, "low": cell.low, "high": cell.high}
    return {"text": cell} if isinstance(cell, str) else {"value": cell}
