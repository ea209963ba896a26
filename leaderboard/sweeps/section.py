"""Sweeps in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table, share
from leaderboard.sweeps.figure import draw_sweeps
from leaderboard.sweeps.rows import sweep_results
from leaderboard.sweeps.schema import SweepResult
from leaderboard.sweeps.table import sweep_tables
from leaderboard.text import escape, markdown_table


@dataclass(frozen=True)
class Sweeps(Section):
    """Accuracy against a setting of a defense, an attack, a detector or the table.

    Attributes:
        results: Every curve at every value.
    """

    page = "sweeps"
    file = "sweeps.csv"
    picture = "sweeps.png"
    columns = (
        "sweep",
        "setting",
        "value",
        "number",
        "defense",
        "detector",
        "curve",
        "status",
        "reason",
        "n",
        "share",
        "share_low",
        "share_high",
        "threat",
    )

    results: tuple[SweepResult, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        found = sweep_results(results)
        return cls(found) if found else None

    def markdown(self) -> list[str]:
        parts = ["## Sweeps"]
        for name, headers, cells in sweep_tables(self.results):
            parts += [f"### {escape(name)}", markdown_table(headers, cells)]
        parts.append(
            "Per cent of the images with 95 % intervals: right on clean input and after the attack; worst case: after "
            "every attack of the sweep. With a detector: misclassified and not flagged, at a false positive rate of "
            "5 %. The points of a sweep have no rank: flags are asked of the rows of the robustness table alone."
        )
        sentences = dict.fromkeys(
            f"- **{escape(r.point.sweep)} at {escape(r.point.value)}, {escape(r.defense)} × {escape(r.curve)}**: "
            f"{escape(r.threat)}"
            for r in self.results
            if r.threat
        )
        parts += ["### Threat models of the sweeps", "\n".join(sentences)]
        failed = [f"- {escape(line)}" for line in self._unfinished()]
        return [*parts, "### Points without a result", "\n".join(failed)] if failed else parts

    def terminal(self) -> list[Table | Note]:
        return [Table(name, headers, cells, detail=True) for name, headers, cells in sweep_tables(self.results)]

    def own_rows(self) -> list[Line]:
        return [
            {
                "sweep": r.point.sweep,
                "setting": r.point.setting,
                "value": r.point.value,
                "number": r.point.number,
                "defense": r.defense,
                "detector": r.detector,
                "curve": r.curve,
                "status": r.status,
                "reason": r.reason,
                "n": r.n,
                **share("share", r.share),
                "threat": r.threat,
            }
            for r in self.results
        ]

    def figure(self, title: str) -> bytes | None:
        return draw_sweeps(self.results, title)

    def failures(self) -> list[str]:
        return [f"sweep {line}" for line in self._unfinished("error")]

    def _unfinished(self, *statuses: str) -> list[str]:
        return [
            f"{r.point.sweep} at {r.point.value}, {r.defense} × {r.curve} ({r.status}): {r.reason}"
            for r in self.results
            if (r.status in statuses if statuses else r.status != "done")
        ]
