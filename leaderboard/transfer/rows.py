"""The transfer matrix: which classifier's adversarial images fool which model."""

from __future__ import annotations

from benchmark.evaluation.intervals import share_of
from benchmark.records.run_record import CellRecord
from leaderboard.reading import alone, checked
from leaderboard.results import Results
from leaderboard.transfer.schema import TransferEntry, TransferMatrix


def transfer_matrix(results: Results) -> TransferMatrix | None:
    """The matrix in the suite's order; None where the run has none."""
    run = results.run
    cells = run.of("transfer")
    if not cells:
        return None
    targets = tuple(dict.fromkeys(c.defense for c in cells))
    return TransferMatrix(
        bound=cells[0].perturbation,
        classifier=run.suite.classifier.name,
        sources=tuple(dict.fromkeys(c.attack for c in cells)),
        targets=targets,
        defended=tuple(t for t in targets if t in run.suite.defense),
        entries=tuple(
            alone(
                lambda c=cell: _entry(c, results),  # type: ignore[misc]
                lambda reason, c=cell: _without_result(c, "error", reason),  # type: ignore[misc]
            )
            for cell in cells
        ),
    )


def _entry(cell: CellRecord, results: Results) -> TransferEntry:
    if cell.status != "done":
        return _without_result(cell, cell.status, cell.reason)
    samples = checked(results.samples(cell.done_key), ("attacked", "robust", "group"))
    attacked = samples[samples["attacked"]]
    success = share_of(~attacked["robust"], attacked["group"].tolist()) if len(attacked) else None
    return TransferEntry(cell.attack, cell.defense, "done", "", len(attacked), success, cell.threat)


def _without_result(cell: CellRecord, status: str, reason: str) -> TransferEntry:
    return TransferEntry(cell.attack, cell.defense, status, reason, 0, None, cell.threat)
