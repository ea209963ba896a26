"""Every fault of a run folder, found without computing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmark.core.errors import UserError
from benchmark.records.run_folder import somebody_at_work
from benchmark.records.run_record import RunRecord
from benchmark.records.step_folder import FileMark, hash_of
from benchmark.records.store import Store, leftovers

_AGAIN = "run the command that made it again, into the same folder"


def published(root: Path, names: Iterable[str]) -> dict[str, FileMark]:
    """The published files of a run as the manifest lists them."""
    return {name: FileMark.of((root / name).read_bytes()) for name in names}


def step_faults(store: Store, run: RunRecord) -> list[UserError]:
    """What is wrong with the steps that a board rests on; of their tensors, which no table reads, only the size."""
    faults = (store.fault(key, but_tensors=True) for key in finished(run))
    return [fault for fault in faults if fault is not None]


def finished(run: RunRecord) -> list[str]:
    """Keys of the steps that were finished when the manifest was written."""
    steps = [step.key for step in run.steps if step.finished]
    return list(dict.fromkeys([*steps, *(cell.done_key for cell in run.cells if cell.status == "done")]))


def run_faults(root: Path) -> list[UserError]:
    """What is wrong with anything that a run left in its folder.

    Raises:
        UserError: There is no run.
    """
    store = Store(root)
    found: list[UserError] = []
    run: RunRecord | None = None
    try:
        run = store.manifest()
        found += [*_unfinished(root, run), *_changed(root, run)]
    except UserError as error:
        if not os.path.lexists(root / "manifest.json") and not (root / "steps").is_dir():
            raise
        found.append(error)
    found += [fault for key in _steps(store, run) if (fault := store.fault(key)) is not None]
    if not somebody_at_work(root):
        remedy = f"{_AGAIN}: it is removed"
        found += [UserError("was left by a run that was killed", where=str(p), remedy=remedy) for p in leftovers(root)]
    return found


def _steps(store: Store, run: RunRecord | None) -> list[str]:
    """Keys of the steps that are there, and of those that should be."""
    there = {path.name for path in (store.root / "steps").glob("*") if not path.name.endswith(".failed.json")}
    there -= {path.name for path in leftovers(store.root)}
    return sorted(there | set(finished(run) if run else ()))


def _unfinished(root: Path, run: RunRecord) -> Iterator[UserError]:
    if run.status not in ("done", "failed") or run.published is None:
        at_work = somebody_at_work(root)
        yield UserError(
            "the run is not over" if at_work else f"the run did not come to its end ({run.status})",
            where=str(root),
            remedy="wait for it" if at_work else f"{_AGAIN}: it goes on where it stopped",
        )


def _changed(root: Path, run: RunRecord) -> Iterator[UserError]:
    for name, mark in (run.published or {}).items():
        try:
            same = hash_of(root / name) == mark.sha256
        except UserError as error:
            yield UserError(error.problem, where=error.where, remedy=f"{_AGAIN}: it is written anew")
            continue
        if not same:
            yield UserError(
                "its content is not what was published", where=str(root / name), remedy=f"{_AGAIN}: it is written anew"
            )
