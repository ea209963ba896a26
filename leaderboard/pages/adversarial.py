"""What attacks submitted, as files of arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from benchmark.records.run_record import CellRecord, RunRecord
from benchmark.records.store import Store

_OTHER = re.compile(r"[^A-Za-z0-9.+-]+")


def adversarial_files(run: RunRecord, store: Store) -> Iterator[tuple[str, bytes]]:
    """(name, content) of a compressed `.npz` for each attack of the robustness and transfer tables that is done.

    Each holds, in one order, the images that were attacked: `adversarial`, float32 [n, C, H, W] in [0, 1] as submitted,
    and `sample_id`, `label`, `prediction` and `robust` as in `samples.parquet`. No array needs pickle.

    Raises:
        UserError: A step is not what was written.
    """
    taken: set[str] = set()
    for cell in run.of("robustness", "transfer"):
        if cell.attack == "clean" or cell.status != "done":
            continue
        name = _name(cell)
        # Labels may differ in what no file name holds, and names in what some file systems take for the same.
        name = name if name.lower() not in taken else f"{name}-{cell.done_key}"
        taken.add(name.lower())
        yield f"{name}.npz", _arrays(cell, store)


def _arrays(cell: CellRecord, store: Store) -> bytes:
    tensors = store.tensors(cell.done_key)
    samples = store.samples(cell.done_key).set_index("row").loc[tensors["row"].numpy()]
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        adversarial=tensors["adversarial"].numpy(),
        sample_id=samples["sample_id"].to_numpy(dtype=str),
        label=samples["label"].to_numpy(dtype=np.int64),
        prediction=samples["adversarial_prediction"].to_numpy(dtype=np.int64),
        robust=samples["robust"].to_numpy(dtype=bool),
    )
    return buffer.getvalue()


def _name(cell: CellRecord) -> str:
    return "-".join(_OTHER.sub("_", part).strip(".") or "_" for part in (cell.table, cell.defense, cell.attack))
