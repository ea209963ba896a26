"""What a defense said of the energy that it learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Len

from benchmark.records.part import Part, Text


class Look(Part):
    """Pixels of images, or of what Langevin chains from them have become, on the scale [−1, 1].

    Attributes:
        steps: From the images.
        mean, deviation: Of the pixels; None where a chain diverged.
        outside: Share of the pixels beyond ±1.1.
    """

    steps: int
    mean: float | None
    deviation: float | None
    outside: float | None


class Energy(Part):
    """As `EnergyReport.to_json` writes it.

    Attributes:
        verdict: Of the report.
        reasons: Why it is not convergent.
        gap_mean, gap_deviation: Of the gap d between the energies of data and chains, in units of T.
        gap_autocorrelation: Of d, 1 to 15 updates apart.
        drift_ratio: Length of a step's drift over that of its noise.
        outside: Share of the training chains' pixels beyond ±1.1.
        restarts: How often training diverged and went on.
        looks: At the data first, then at longer and longer chains.
    """

    verdict: Literal["convergent", "non-convergent", "unstable", "not examined"]
    reasons: list[Text]
    gap_mean: float | None
    gap_deviation: float | None
    gap_autocorrelation: Annotated[list[float | None], Len(15, 15)]
    drift_ratio: float | None
    outside: float | None
    restarts: int
    looks: list[Look]


@dataclass(frozen=True)
class EnergyLine:
    """An energy, which several defenses may share.

    Attributes:
        defenses: Their labels.
        key: Of the step that fitted the first of them.
        energy: What it said; None where that cannot be read.
        reason: Why.
    """

    defenses: tuple[str, ...]
    key: str
    energy: Energy | None
    reason: str = ""

    @property
    def whose(self) -> str:
        """The labels in words."""
        return ", ".join(self.defenses)
