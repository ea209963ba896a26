"""What a call gives back: the run's one row, its records and its images."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.writing import writing
from benchmark.evaluation.flags.base import Flag
from benchmark.evaluation.intervals import Estimate
from benchmark.records.samples import SAMPLES
from benchmark.records.store import Store
from leaderboard.board import Board, read_board

if TYPE_CHECKING:
    from leaderboard.robustness.schema import RobustnessRow

_SHOWN = ("attack", "status", "robust", "robust_low", "robust_high", "forwards", "backwards")


@dataclass(frozen=True, repr=False)
class Report:
    """The result of `benchmark.evaluate`. In a notebook it shows itself.

    Attributes:
        folder: The run folder, as `python -m benchmark leaderboard show --run` takes it.
        clean: The evaluated images, float32 [N, C, H, W] in [0, 1].
    """

    folder: Path = field(repr=False)
    clean: Tensor = field(repr=False)
    _temporary: TemporaryDirectory[str] | None = field(default=None, repr=False)

    @cached_property
    def board(self) -> Board:
        """All tables of the run."""
        return read_board(self.folder)

    @property
    def row(self) -> RobustnessRow:
        """The row of the robustness table."""
        return self.board.robustness[0]

    @property
    def status(self) -> str:
        """What the row is worth: "ranked", "undecided", "flagged", "incomplete" or "error"; `remarks` say why."""
        return self.row.status

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is missing or wrong."""
        return self.row.remarks

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known of the model, the decision and the images."""
        return self.board.notes

    @property
    def clean_accuracy(self) -> Estimate | None:
        """Accuracy without an attack, in [0, 1], with its 95 % interval."""
        return self.row.clean

    @property
    def worst_case(self) -> Estimate | None:
        """Share of images right on clean input and after every attack, with its interval; None where one failed."""
        return self.row.worst

    @property
    def threat_model(self) -> str:
        """The row's threat model, as one sentence."""
        return self.row.threat

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The reliability flags (docs/flags.md)."""
        return self.row.flags

    @cached_property
    def table(self) -> pd.DataFrame:
        """The lines of `rows.csv`: clean, each attack and the worst case, shares in [0, 1]."""
        return pd.DataFrame([line for section in self.board.sections for line in section.rows()])

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One record per image and attack, as in `samples.parquet`."""
        return pd.read_parquet(self.folder / SAMPLES)

    @cached_property
    def adversarial(self) -> dict[str, Tensor]:
        """What each finished attack submitted, float32 [N, C, H, W]; images wrong from the start as they were."""
        store, found = Store(self.folder), {}
        for cell in store.manifest().of("robustness"):
            if cell.attack == "clean" or cell.status != "done":
                continue
            tensors = store.tensors(cell.done_key)
            submitted = self.clean.clone()
            submitted[tensors["row"]] = tensors["adversarial"].to(submitted.dtype)
            found[cell.attack] = submitted
        return found

    def save(self, folder: str | Path) -> Path:
        """Copy the run into a new folder: tables, figures, records and images.

        Raises:
            UserError: There is something.
            DiskError: The disk does not take it.
        """
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UserError("there is something already", where=str(target), remedy="give a new folder")
        with writing(target):
            shutil.copytree(self.folder, target, dirs_exist_ok=True)
        return target

    def __repr__(self) -> str:
        return f"<Report of {self.board.title}: {self.row.standing}>"

    def _repr_html_(self) -> str:
        shares = dict.fromkeys(("robust", "robust_low", "robust_high"), "{:.1%}".format)
        lines = self.table[self.table["table"] == "robustness"]
        table = lines[[name for name in _SHOWN if name in lines]].to_html(
            index=False, escape=True, na_rep="", formatters=shares
        )
        said = [f"{self.row.standing}: {'; '.join(self.remarks)}" if self.remarks else self.row.standing]
        said += [self.threat_model, *self.notes]
        paragraphs = "".join(f"<p>{escape(text)}</p>" for text in said)
        return f"<h4>{escape(self.board.title)}</h4>{table}{paragraphs}"
