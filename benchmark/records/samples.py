"""`samples.parquet`: one record per sample and cell, from which every number of the tables can be computed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pandas as pd

from benchmark.core.writing import write_atomically
from benchmark.records.run_record import CellRecord, RunRecord
from benchmark.records.serialising import sample_bytes
from benchmark.records.store import Store
from benchmark.records.subgroups import read_subgroups

SAMPLES = "samples.parquet"
"""Its name in the run folder."""

_TEXT, _NUMBER, _COUNT, _OUTCOME = "string", "float64", "Int64", "boolean"

COLUMNS = {
    "table": _TEXT,
    "defense": _TEXT,
    "attack": _TEXT,
    "detector": _TEXT,
    "sweep": _TEXT,
    "sweep_value": _TEXT,
    "sample_id": _TEXT,
    "group": _TEXT,
    "label": _COUNT,
    "clean_prediction": _COUNT,
    "clean_right": _OUTCOME,
    "attacked": _OUTCOME,
    "adversarial_prediction": _COUNT,
    "robust": _OUTCOME,
    "verified": _OUTCOME,
    "scores": "object",
    "linf": _NUMBER,
    "l2": _NUMBER,
    "psnr": _NUMBER,
    "ssim": _NUMBER,
    "forwards": _COUNT,
    "backwards": _COUNT,
    "broken_at": _COUNT,
    "fresh_right": _NUMBER,
    "draws": _COUNT,
    "stored_prediction": _COUNT,
    "stored_right": _OUTCOME,
    "split": _TEXT,
    "detector_score": _NUMBER,
    "detector_score_clean": _NUMBER,
    "detector_score_noisy": _NUMBER,
    "detector_score_stored": _NUMBER,
    "detector_score_moved": _NUMBER,
}
"""The columns and their types; a record has nothing where a column says nothing of its cell.

`scores` are the K class probabilities of the decision on the image as submitted (clean, in clean records);
`fresh_right` is the share of `draws` fresh decisions on it that are right; `stored_*` is the decision on it after
rounding to 8 bit. `linf`, `l2`, `psnr` (dB) and `ssim` compare the image as submitted, before any rounding, with the
clean one; where it was left as it was `psnr` is infinite. Behind these columns stands one for each subgroup that the
data set knows, such as `subgroup_sex`.
"""


def write_samples(run: RunRecord, store: Store) -> None:
    """Gather the finished cells into `samples.parquet`, in the run's order; one that cannot be read is left out."""
    frames, subgroups = [], read_subgroups(run, store)
    for cell in run.cells:
        if cell.table in ("probe", "diagnosis", "study") or cell.status != "done":
            continue
        try:
            frames.append(_frame(cell, store).join(subgroups, on="sample_id"))
        except MemoryError:
            raise
        except Exception as error:
            name = " × ".join((cell.defense, cell.attack, cell.detector))
            warnings.warn(f"samples.parquet lacks {name} ({type(error).__name__}: {error})", stacklevel=2)
    table = pd.concat(frames, ignore_index=True) if frames else _typed(pd.DataFrame(columns=list(COLUMNS)))
    write_atomically(store.root / SAMPLES, sample_bytes(table))


def _frame(cell: CellRecord, store: Store) -> pd.DataFrame:
    frame = store.samples(cell.done_key)
    if cell.attack == "clean":
        frame = frame.assign(adversarial_prediction=frame["clean_prediction"], robust=frame["clean_right"])
    # The accuracy in a record of results is that of each draw.
    draws = len(store.record(cell.done_key).results.get("accuracy", [])) or None
    frame = frame.assign(
        table=cell.table, defense=cell.defense, attack=cell.attack, detector=cell.detector, draws=draws
    )
    empty: dict[str, Any] = {"linf": 0.0, "l2": 0.0, "psnr": math.inf, "ssim": 1.0, "broken_at": -1, "split": ""}
    if cell.sweep is not None:
        frame = frame.assign(sweep=cell.sweep.sweep, sweep_value=cell.sweep.value)
    for column in COLUMNS:
        if column not in frame:
            frame[column] = empty.get(column)
    return _typed(frame)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns in their types; raises where a value is of none."""
    return frame[list(COLUMNS)].astype(COLUMNS)
