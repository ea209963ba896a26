"""The transfer matrix: which classifier's adversarial images fool which model."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.intervals import share_of
from benchmark.records.store import Store
from leaderboard.attack_results import perturbation
from leaderboard.reading import alone, checked
from leaderboard.schema import TransferEntry, TransferMatrix


def transfer_matrix(manifest: dict[str, Any], store: Store) -> TransferMatrix | None:
    """The matrix in the suite's order; None where the run has none."""
    cells = [c for c in manifest["cells"] if c["table"] == "transfer"]
    if not cells:
        return None
    targets = tuple(dict.fromkeys(c["defense"] for c in cells))
    return TransferMatrix(
        bound=perturbation(cells[0]),
        classifier=manifest["suite"]["classifier"]["name"],
        sources=tuple(dict.fromkeys(c["attack"] for c in cells)),
        targets=targets,
        defended=tuple(t for t in targets if t in manifest["suite"]["defense"]),
        entries=tuple(
            alone(
                lambda c=cell: _entry(c, store),  # type: ignore[misc]
                lambda reason, c=cell: _without_result(c, "error", reason),  # type: ignore[misc]
            )
            for cell in cells
        ),
    )


def _entry(cell: dict[str, Any], store: Store) -> TransferEntry:
    if cell["status"] != "done":
        return _without_result(cell, cell["status"], cell["reason"])
    samples = checked(store.samples(cell["key"]), ("attacked", "robust", "group"))
    attacked = samples[samples["attacked"]]
    success = share_of(~attacked["robust"], attacked["group"].tolist()) if len(attacked) else None
    return TransferEntry(
        cell["attack"], cell["defense"], "done", "", len(attacked), success, cell["threat"]["sentence"]
    )


def _without_result(cell: dict[str, Any], status: str, reason: str) -> TransferEntry:
    return TransferEntry(cell["attack"], cell["defense"], status, reason, 0, None, cell["threat"]["sentence"])
