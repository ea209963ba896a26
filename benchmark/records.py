"""`samples.parquet`: one record per sample and cell, for anyone's own analysis."""

from __future__ import annotations

import pandas as pd

from benchmark.plan import Cell, Plan
from benchmark.store import Store, write_parquet_atomically

COLUMNS = (
    "table",
    "defense",
    "attack",
    "detector",
    "sample_id",
    "group",
    "label",
    "clean_prediction",
    "adversarial_prediction",
    "robust",
    "linf",
    "l2",
    "forwards",
    "backwards",
    "broken_at",
    "fresh_right",
    "split",
    "detector_score",
    "detector_score_clean",
    "detector_score_noisy",
)


def write_samples(plan: Plan, store: Store) -> None:
    """Gather the finished cells into `samples.parquet`, in the plan's order."""
    frames = [
        _frame(cell, store)
        for cell in plan.cells
        if cell.table not in ("probe", "diagnosis") and cell.step is not None and store.has(cell.step.key)
    ]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
    write_parquet_atomically(store.root / "samples.parquet", table[list(COLUMNS)])


def _frame(cell: Cell, store: Store) -> pd.DataFrame:
    assert cell.step is not None
    frame = store.samples(cell.step.key)
    if cell.attack == "clean":
        frame = frame.assign(adversarial_prediction=frame["clean_prediction"], robust=frame["clean_right"])
    frame = frame.assign(table=cell.table, defense=cell.defense, attack=cell.attack, detector=cell.detector)
    empty: dict[str, float | int | str] = {"linf": 0.0, "l2": 0.0, "broken_at": -1, "split": ""}
    for column in COLUMNS:
        if column not in frame:
            frame[column] = empty.get(column, float("nan"))
    return frame[list(COLUMNS)]
