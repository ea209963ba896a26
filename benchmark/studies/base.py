"""The contract of a study."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from benchmark.core.defended import Passes
from benchmark.core.plugin import Plugin
from benchmark.records.study_findings import Cell, Column, Curve, StudyFindings
from defenses.base import Defense

if TYPE_CHECKING:
    from benchmark.studies.subject import Subject


@dataclass(frozen=True)
class Pictures:
    """Images in rows and columns, drawn in the run folder.

    Attributes:
        rows, columns: Labels.
        images: [rows, columns, C, H, W] in [0, 1].
    """

    rows: Sequence[str]
    columns: Sequence[str]
    images: Tensor


@dataclass(frozen=True)
class Findings:
    """What a study hands back.

    Attributes:
        columns, rows: Its table.
        curves: Its figure; none where there is none.
        pictures: Images to look at, which stay in the run folder.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    curves: Sequence[Curve] = ()
    pictures: Pictures | None = None

    def record(self) -> StudyFindings:
        """What of it is text and numbers; raises ValueError where it contradicts itself or a number is not finite."""
        pictures = self.pictures
        if pictures is not None and pictures.images.shape[:2] != (len(pictures.rows), len(pictures.columns)):
            raise ValueError(f"pictures of shape {tuple(pictures.images.shape)} have other labels than they need")
        return StudyFindings(
            columns=tuple(self.columns),
            rows=tuple(map(tuple, self.rows)),
            curves=tuple(self.curves),
            picture_rows=() if pictures is None else tuple(pictures.rows),
            picture_columns=() if pictures is None else tuple(pictures.columns),
        )


class Study(Plugin):
    """A question about a defended model that is no sweep of a setting: a table, and curves or pictures beside it.

    A study sees evaluation images that the model gets right, and draws random numbers from the noise it is handed
    alone. What it finds must not depend on how its images are split into batches.

    Class attributes:
        reading: How its table is read, in a sentence or two that stand below it.
    """

    kind = "study"
    reading: ClassVar[str] = ""

    @abstractmethod
    def run(self, subject: Subject) -> Findings:
        """Ask the model of `subject`, and say what was found."""
        raise NotImplementedError

    def without_use(self, defense: Defense) -> str:
        """Why it cannot be made of this defense, fitted or not; empty, the default, where it can."""
        del defense
        return ""

    def passes(self, defense: Defense) -> Passes:
        """About how many passes it takes for an image, for estimates; by default it does not say."""
        del defense
        return Passes()
