"""How visible attacks are, in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table, share
from leaderboard.text import escape, markdown_table
from leaderboard.visibility.rows import visible_attacks
from leaderboard.visibility.schema import Visible
from leaderboard.visibility.table import visibility_table

_MEASURES = ("linf", "l2", "psnr", "ssim")


@dataclass(frozen=True)
class Visibility(Section):
    """A line for each defense and attack.

    Attributes:
        lines: In the suite's order; at least one.
    """

    file = "visibility.csv"
    columns = (
        "defense",
        "attack",
        "attacked",
        "changed",
        *(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")),
    )
    page = "attacks"

    lines: tuple[Visible, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        lines = visible_attacks(results)
        return cls(lines) if lines else None

    def markdown(self) -> list[str]:
        # Attacks share their reasons where another version wrote the whole run.
        failed: dict[str, list[str]] = {}
        for line in self.lines:
            if line.reason:
                failed.setdefault(line.reason, []).append(f"{line.defense} × {line.attack}")
        return [
            "## How visible each attack is",
            markdown_table(*visibility_table(self.lines)),
            "Means with 95 % intervals over the attacked images that the attack changed, whether they fell or not, as "
            "they were submitted: before any rounding. Changed: how many those are; an image that was left as it was "
            "has an infinite PSNR and is in no mean. L∞ and L2 on [0, 1] pixels, L∞ times 255; PSNR 10 · "
            "log10(1 / mean squared difference), the lower the more visible; SSIM over windows of 7 × 7 pixels, or the "
            "largest odd one that the image holds, 1 for the same image. None of them says what a reader would notice.",
            *(f"- **{escape(', '.join(names))}**: {escape(reason)}" for reason, names in failed.items()),
        ]

    def terminal(self) -> list[Table | Note]:
        headers, cells = visibility_table(self.lines)
        title = "How visible each attack is (means, 95 % intervals)"
        return [Table(title, headers, cells, detail=True)] if cells else []

    def own_rows(self) -> list[Line]:
        """Means in the units of `samples.parquet`."""
        return [
            {
                "defense": line.defense,
                "attack": line.attack,
                "attacked": line.attacked,
                "changed": line.changed,
                **{key: value for name in _MEASURES for key, value in share(name, getattr(line, name)).items()},
            }
            for line in self.lines
            if not line.reason
        ]
