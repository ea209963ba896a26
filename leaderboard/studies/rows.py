"""The studies of a run, from its records."""

from __future__ import annotations

from benchmark.records.run_record import CellRecord
from benchmark.records.study_findings import StudyFindings
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.studies.schema import StudyReport


def study_reports(results: Results) -> tuple[StudyReport, ...]:
    """Every study of every defense, in the suite's order; one that cannot be read is an "error"."""
    cells = results.run.of("study")
    order = list(results.run.suite.study)
    reports = [
        alone(
            lambda c=cell: _report(c, results),  # type: ignore[misc]
            lambda reason, c=cell: _without(c, results, "error", reason),  # type: ignore[misc]
        )
        for cell in cells
    ]
    return tuple(sorted(reports, key=lambda report: order.index(report.study)))


def _report(cell: CellRecord, results: Results) -> StudyReport:
    if cell.status != "done":
        return _without(cell, results, cell.status, cell.reason)
    written = results.store.record(cell.done_key).results
    return StudyReport(
        study=cell.attack,
        defense=cell.defense,
        method=_method(cell, results),
        reading=str(written["reading"]),
        status="done",
        reason="",
        images=int(written["images"]),
        found=StudyFindings.read(written["findings"]),
        key=cell.done_key,
    )


def _without(cell: CellRecord, results: Results, status: str, reason: str) -> StudyReport:
    return StudyReport(cell.attack, cell.defense, _method(cell, results), "", status, reason)


def _method(cell: CellRecord, results: Results) -> str:
    return results.run.suite.study[cell.attack].method or cell.attack
