"""`subgroups.parquet`: what is known of each evaluation image besides its label and patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from benchmark.core.writing import write_atomically, writing
from benchmark.records.run_record import RunRecord, SubgroupsRecord
from benchmark.records.serialising import sample_bytes
from benchmark.records.step_folder import DamagedError, FileMark, hash_of
from benchmark.records.store import Store

if TYPE_CHECKING:
    from benchmark.core.images import ImageData

SUBGROUPS = "subgroups.parquet"
"""Its name in the run folder."""

_IMAGE = "sample_id"


def column_of(name: str) -> str:
    """The column of a subgroup in records, where it meets columns that are not the user's."""
    return f"subgroup_{name}"


def subgroups_record(data: ImageData) -> SubgroupsRecord | None:
    """What the manifest says of the file; None where nothing is known."""
    if not data.subgroups:
        return None
    return SubgroupsRecord(columns=tuple(map(str, data.subgroups)), file=FileMark.of(sample_bytes(_table(data))))


def write_subgroups(data: ImageData, store: Store) -> None:
    """Write the file into the run folder, or remove that of an earlier run where nothing is known."""
    path = store.root / SUBGROUPS
    if data.subgroups:
        write_atomically(path, sample_bytes(_table(data)))
        return
    with writing(path):
        path.unlink(missing_ok=True)


def read_subgroups(run: RunRecord, store: Store) -> pd.DataFrame:
    """A column of text for each subgroup (see `column_of`), by the image's name; none where nothing is known.

    Raises:
        DamagedError: The file is not what was written.
    """
    if run.data.subgroups is None:
        return pd.DataFrame(index=pd.Index([], dtype=str, name=_IMAGE))
    path = store.root / SUBGROUPS
    if hash_of(path) != run.data.subgroups.file.sha256:
        raise DamagedError("its content is not what was written", path)
    return pd.read_parquet(path, use_threads=False).set_index(_IMAGE)


def _table(data: ImageData) -> pd.DataFrame:
    columns = {column_of(name): list(values) for name, values in data.subgroups.items()}
    return pd.DataFrame({_IMAGE: list(data.evaluation.ids), **columns})
