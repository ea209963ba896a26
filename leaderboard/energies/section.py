"""Whether energies are convergent, in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.energies.figure import EnergyImages, draw_energies
from leaderboard.energies.rows import energies
from leaderboard.energies.schema import EnergyLine
from leaderboard.energies.table import energy_table
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table
from leaderboard.text import escape, markdown_table

_TRAINING = ("gap_mean", "gap_deviation", "drift_ratio", "restarts")
_LAGS = tuple(f"gap_autocorrelation_{lag}" for lag in range(1, 16))
_LOOK = ("steps", "mean", "deviation", "outside")


@dataclass(frozen=True)
class Energies(Section):
    """A line for each energy, and the images of its long chains.

    Attributes:
        lines: In the suite's order; at least one.
        results: The run, from which images are read when they are drawn.
    """

    file = "energies.csv"
    columns = ("defense", "verdict", *_TRAINING, *_LAGS, *_LOOK)
    picture = "energies.png"
    page = "reliability"

    lines: tuple[EnergyLine, ...]
    results: Results

    @classmethod
    def of(cls, results: Results) -> Self | None:
        lines = energies(results)
        return cls(lines, results) if lines else None

    def markdown(self) -> list[str]:
        return [
            "## Energies",
            markdown_table(*energy_table(self.lines)),
            "Convergent: data and training chains are in balance (d around 0, no clearly negative autocorrelation up "
            "to 15 updates apart, a drift of 0.05 to 0.5 of the noise), and long chains from the data, the longest of "
            "100 times the first, still have the data's mean and deviation. Unstable: a chain diverged, or its "
            "drift is past 1. d is in units of the temperature; pixels of images lie in [−1, 1], outside: beyond ±1.1, "
            "and 0 steps are the data themselves. On an energy that is not convergent, more steps take the image away "
            "with the perturbation. Measured by the defense's own code; no rank rests on it.",
            *(f"- **{escape(line.whose)}**: {escape(said)}" for line in self.lines if (said := _doubts(line))),
        ]

    def terminal(self) -> list[Table | Note]:
        headers, cells = energy_table(self.lines)
        return [Table("Energies", headers, cells, extra=[[2, 3], [6]], detail=True)] if cells else []

    def own_rows(self) -> list[Line]:
        """A line for each look at the chains; one without where there was none."""
        return [
            {
                "defense": defense,
                "verdict": energy.verdict,
                **{name: getattr(energy, name) for name in _TRAINING},
                **dict(zip(_LAGS, energy.gap_autocorrelation, strict=True)),
                **{name: getattr(look, name, None) for name in _LOOK},
            }
            for line in self.lines
            if (energy := line.energy) is not None
            for defense in line.defenses
            for look in (energy.looks or (None,))
        ]

    def figure(self, title: str) -> bytes | None:
        read, unread = [], {}
        for line in self.lines:
            found = alone(lambda of=line: self._images(of), str)  # type: ignore[misc]
            if isinstance(found, str):
                unread[line.whose] = found
            elif found is not None:
                read.append(found)
        return draw_energies(read, unread, title, phantom=self.results.run.data.phantom) if read else None

    def _images(self, line: EnergyLine) -> EnergyImages | None:
        if line.energy is None or not line.energy.looks:
            return None
        images = self.results.store.arrays(line.key, "long_run_images")["long_run_images"]
        if images.ndim != 5 or len(images) != len(line.energy.looks):
            raise ValueError("its images are not those of its chains")
        return EnergyImages(line.whose, line.energy, images)


def _doubts(line: EnergyLine) -> str:
    return line.reason if line.energy is None else "; ".join(line.energy.reasons)
