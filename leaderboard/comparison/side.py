"""A row as it is compared: what happened to each of its images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.core.errors import UserError, did_you_mean
from benchmark.records.run_record import CellRecord, RunRecord
from benchmark.records.store import Store
from leaderboard.reading import attack_samples, clean_samples
from leaderboard.results import Results
from leaderboard.robustness.worst_case import worst_case


@dataclass(frozen=True)
class Side:
    """A row of a run.

    Attributes:
        folder: The run folder.
        row: Label of the defense.
        run: What the run was.
        images: `group` and `robust`, whether it is right on clean input and after every attack, by `sample_id`.
        allowed: What its attacks may do to an image, and their goals, in words.
        attacks: Labels of its attacks.
    """

    folder: Path
    row: str
    run: RunRecord
    images: pd.DataFrame
    allowed: frozenset[str]
    attacks: frozenset[str]

    @property
    def name(self) -> str:
        """The row and its run."""
        return f"{self.row} of {self.folder}"


def read_side(folder: Path, row: str | None) -> Side:
    """A row of the run in `folder`; None for the only one.

    Raises:
        UserError: There is no such run or row, or the row has no worst case.
    """
    store = Store(folder)
    run = store.manifest()
    names = list(run.defenses)
    if row is None:
        if len(names) != 1:
            raise UserError("has several rows", where=str(folder), remedy=f"name one of: {', '.join(names)}")
        (row,) = names
    if row not in names:
        raise UserError(f"has no row {row!r}", where=str(folder), remedy=did_you_mean(row, names))
    cells = [cell for cell in run.of("robustness") if cell.defense == row and cell.status != "not applicable"]
    open_cells = [cell for cell in cells if cell.status != "done"]
    attacks = [cell for cell in cells if cell.attack != "clean"]
    if open_cells or not attacks:
        reason = f"{open_cells[0].attack} is {open_cells[0].status}" if open_cells else "no attack was run"
        raise UserError(
            f"row {row!r} has no worst case: {reason}", where=str(folder), remedy="run the command that made it again"
        )
    return Side(
        folder=folder,
        row=row,
        run=run,
        images=_images(Results(run, store), cells, row, folder),
        allowed=frozenset(f"{cell.perturbation} {cell.threat.aim}" for cell in attacks if cell.threat),
        attacks=frozenset(cell.attack for cell in attacks),
    )


def _images(results: Results, cells: list[CellRecord], row: str, folder: Path) -> pd.DataFrame:
    try:
        clean = clean_samples(results, next(cell.done_key for cell in cells if cell.attack == "clean"))
        attacks = [attack_samples(results, cell.done_key, clean) for cell in cells if cell.attack != "clean"]
    except (ValueError, KeyError) as error:
        raise UserError(f"the records of row {row!r} cannot be read: {error}", where=str(folder)) from error
    worst = worst_case(clean, attacks)[["group", "robust"]]
    return worst.set_index(pd.Index(clean["sample_id"], name="sample_id"))
