"""The transfer matrix: which classifier's adversarial images fool which model."""

from __future__ import annotations

from typing import Any

from benchmark.store import Store
from leaderboard.robustness import estimate, perturbation
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
        entries=tuple(_entry(cell, store) for cell in cells),
    )


def _entry(cell: dict[str, Any], store: Store) -> TransferEntry:
    names = (cell["attack"], cell["defense"], cell["status"], cell["reason"])
    sentence = cell["threat"]["sentence"]
    if cell["status"] != "done":
        return TransferEntry(*names, 0, None, sentence)
    samples = store.samples(cell["key"])
    attacked = samples[samples["attacked"].astype(bool)]
    success = estimate(~attacked["robust"].astype(bool), attacked["group"]) if len(attacked) else None
    return TransferEntry(*names, len(attacked), success, sentence)
