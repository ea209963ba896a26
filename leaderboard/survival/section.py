"""Accuracy against attack step in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from leaderboard.results import Results
from leaderboard.section import Line, Section
from leaderboard.survival.figure import draw_survival
from leaderboard.survival.rows import survival_curves
from leaderboard.survival.schema import SurvivalCurve
from leaderboard.survival.table import survival_table
from leaderboard.text import escape, markdown_table


@dataclass(frozen=True)
class Survival(Section):
    """A curve for each defense and attack.

    Attributes:
        curves: In the suite's order.
    """

    file = "survival.csv"
    columns = ("defense", "attack", "step", "robust_accuracy")
    picture = "survival.png"
    page = "attacks"

    curves: tuple[SurvivalCurve, ...]

    @classmethod
    def of(cls, results: Results) -> Self:
        return cls(survival_curves(results))

    def markdown(self) -> list[str]:
        failed = [
            f"- **{escape(c.defense)} × {escape(c.attack)}**: {escape(c.reason)}" for c in self.curves if c.reason
        ]
        if not failed and not any(curve.followed for curve in self.curves):
            return []
        return [
            "## Accuracy against attack step",
            markdown_table(*survival_table(self.curves)),
            "Robust accuracy in per cent after each step, counted over restarts; step 0 is the attack's starting "
            "image. Only attacks that take steps and say at which one an image fell; `survival.csv` has every attack "
            "and step.",
            *(["Curves that cannot be read:\n\n" + "\n".join(failed)] if failed else []),
        ]

    def own_rows(self) -> list[Line]:
        """Robust accuracy after each step at which it changes, the first and the last included."""
        return [
            {"defense": curve.defense, "attack": curve.attack, "step": step, "robust_accuracy": accuracy}
            for curve in self.curves
            for step, accuracy in zip(curve.steps, curve.accuracy, strict=True)
        ]

    def figure(self, title: str) -> bytes | None:
        return draw_survival(self.curves, title) if any(curve.followed for curve in self.curves) else None
