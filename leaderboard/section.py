"""What a part of the board is: how it is read, and how it stands in every document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from benchmark.evaluation.intervals import Estimate
from benchmark.suites.suite import Suite
from leaderboard.results import Results

Line = dict[str, object]
"""A line of a flat table: values by column."""


@dataclass(frozen=True)
class Table:
    """A table of text for a terminal.

    Attributes:
        title: What stands above it.
        headers: Of its columns.
        cells: Its lines.
        extra: Groups of columns, by number, that are shown where there is room, the first group first.
        detail: Whether it is left out unless everything is asked for, or nothing else is there.
    """

    title: str
    headers: Sequence[str]
    cells: Sequence[Sequence[str]]
    extra: Sequence[Sequence[int]] = ()
    detail: bool = False


@dataclass(frozen=True)
class Note:
    """A paragraph of text for a terminal.

    Attributes:
        text: What it says.
        style: One of rich's.
        detail: As of a table.
    """

    text: str
    style: str = ""
    detail: bool = False


class Section(ABC):
    """A part of the board. All but `of` and `markdown` may be left out.

    Class attributes:
        file: Name of a flat table of its own; its columns are public, and only ever more.
        columns: Its columns, in their order.
        picture: Name of its figure, which stands below its paragraphs; empty where it has none.
        page: Name of the page in Markdown that it stands on, one of `leaderboard.sections.PAGES`; empty for the first.
        unasked: Whether a terminal shows anything of it unless everything is asked for.
    """

    file: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]] = ()
    picture: ClassVar[str] = ""
    page: ClassVar[str] = ""
    unasked: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def of(cls, results: Results) -> Self | None:
        """The section of a run; None where the run has nothing of the kind."""

    @classmethod
    def protocol(cls, suite: Suite) -> str:
        """What a reader must know before any table; empty where the suite has nothing of the kind."""
        return ""

    @abstractmethod
    def markdown(self) -> list[str]:
        """Its paragraphs, headings and tables among them; text from elsewhere is escaped."""

    def terminal(self) -> list[Table | Note]:
        """What a terminal shows of it."""
        return []

    def rows(self) -> list[Line]:
        """Its lines of `rows.csv`."""
        return []

    def own_rows(self) -> list[Line]:
        """The lines of `file`."""
        return []

    def figure(self, title: str) -> bytes | None:
        """Its figure as PNG; None where there is nothing to draw."""
        return None

    def failures(self) -> list[str]:
        """A line for everything in it that is an error, or no result where one is expected."""
        return []


def share(name: str, value: Estimate | None) -> Line:
    """A share in [0, 1] and its interval as columns of a flat table."""
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: value.value, f"{name}_low": value.interval.low, f"{name}_high": value.interval.high}
