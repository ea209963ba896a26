"""The curves of every sweep."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.evaluation.intervals import share_of
from benchmark.records.run_record import CellRecord
from benchmark.records.sweep_point import SweepPoint
from leaderboard.detection.rows import detection_row
from leaderboard.reading import alone, attack_samples, clean_samples
from leaderboard.results import Results
from leaderboard.robustness.worst_case import worst_case
from leaderboard.sweeps.schema import CLEAN, WORST, SweepResult


def sweep_results(results: Results) -> tuple[SweepResult, ...]:
    """Every curve at every value, in the suite's order; one that cannot be read is an "error"."""
    groups: dict[tuple[SweepPoint, str], list[CellRecord]] = {}
    for cell in results.run.of("sweep"):
        assert cell.sweep is not None
        groups.setdefault((cell.sweep, cell.defense), []).append(cell)
    return tuple(result for cells in groups.values() for result in _of_point(cells, results))


def _of_point(cells: list[CellRecord], results: Results) -> Iterator[SweepResult]:
    for cell in cells:
        yield alone(
            lambda c=cell: _of_cell(c, cells, results),  # type: ignore[misc]
            lambda reason, c=cell: _without(c, "error", reason),  # type: ignore[misc]
        )
    if sum(cell.attack != CLEAN and cell.detector == "none" for cell in cells) > 1:
        yield alone(lambda: _worst(cells, results), lambda reason: _without(cells[0], "error", reason, WORST))


def _of_cell(cell: CellRecord, cells: list[CellRecord], results: Results) -> SweepResult:
    assert cell.sweep is not None
    if cell.status != "done":
        return _without(cell, cell.status, cell.reason)
    if cell.detector != "none":
        row = detection_row(cell, results)
        through = None if row.metrics is None else row.metrics.at_5.joint_success
        return SweepResult(
            cell.sweep, cell.defense, cell.detector, cell.attack, row.status, row.reason, row.n, through, cell.sentence
        )
    if cell.attack == CLEAN:
        samples = clean_samples(results, cell.done_key)
        right = samples["clean_right"]
    else:
        samples = attack_samples(results, cell.done_key, clean_samples(results, _clean(cells).done_key))
        right = samples["robust"]
    share = share_of(right, samples["group"].tolist())
    return SweepResult(cell.sweep, cell.defense, "none", cell.attack, "done", "", len(samples), share, cell.sentence)


def _worst(cells: list[CellRecord], results: Results) -> SweepResult:
    first = cells[0]
    assert first.sweep is not None
    failed = [cell for cell in cells if cell.status != "done"]
    if failed:
        return _without(first, failed[0].status, f"{failed[0].attack}: {failed[0].reason}", WORST)
    clean = clean_samples(results, _clean(cells).done_key)
    attacks = [attack_samples(results, cell.done_key, clean) for cell in cells if cell.attack != CLEAN]
    worst = worst_case(clean, attacks)
    share = share_of(worst["robust"], worst["group"].tolist())
    return SweepResult(first.sweep, first.defense, "none", WORST, "done", "", len(worst), share, "")


def _clean(cells: list[CellRecord]) -> CellRecord:
    return next(cell for cell in cells if cell.attack == CLEAN)


def _without(cell: CellRecord, status: str, reason: str, curve: str = "") -> SweepResult:
    assert cell.sweep is not None
    return SweepResult(
        cell.sweep, cell.defense, cell.detector, curve or cell.attack, status, reason, 0, None, cell.sentence
    )
