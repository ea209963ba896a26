"""Images before and after attacks, as a figure alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.records.run_record import CellRecord
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.section import Section
from leaderboard.strip.figure import draw_strips
from leaderboard.strip.rows import attack_strip, shown_cells


@dataclass(frozen=True)
class Strip(Section):
    """What the strongest attack on each row does to its images; they are read when they are drawn.

    Attributes:
        cells: (clean, strongest attack) of each row.
        results: The run.
    """

    picture = "strip.png"
    page = "attacks"

    cells: tuple[tuple[CellRecord, CellRecord], ...]
    results: Results

    @classmethod
    def of(cls, results: Results) -> Self | None:
        cells = shown_cells(results)
        return cls(cells, results) if cells else None

    def markdown(self) -> list[str]:
        return []

    def figure(self, title: str) -> bytes | None:
        strips, unread = [], {}
        for clean, cell in self.cells:
            read = alone(lambda c=clean, a=cell: attack_strip(c, a, self.results), str)  # type: ignore[misc]
            if isinstance(read, str):
                unread[cell.defense] = read
            elif read is not None:
                strips.append(read)
        return draw_strips(strips, unread, title, phantom=self.results.run.data.phantom) if strips else None
