"""Robust accuracy against ε in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.intervals import Estimate
from leaderboard.epsilon.figure import draw_epsilon
from leaderboard.epsilon.rows import epsilon_curves
from leaderboard.epsilon.schema import EpsilonCurve
from leaderboard.reference.rows import reference
from leaderboard.results import Results
from leaderboard.section import Line, Section, share


@dataclass(frozen=True)
class AgainstEpsilon(Section):
    """The picture of the first page.

    Attributes:
        curves: In the order of the robustness table; at least one.
        norm, epsilon: The table's perturbation, on [0, 1] pixels.
        constant: Accuracy of an answer that looks at no image; None where there is none.
    """

    file = "epsilon.csv"
    columns = ("defense", "epsilon", "probed", "standing", "robust", "robust_low", "robust_high")
    picture = "epsilon.png"

    curves: tuple[EpsilonCurve, ...]
    norm: Norm
    epsilon: float
    constant: Estimate | None

    @classmethod
    def of(cls, results: Results) -> Self | None:
        table, curves = results.run.suite.robustness, epsilon_curves(results)
        if table is None or not curves:
            return None
        constant = results.once(reference)
        bound = Epsilon.parse(table.epsilon).value
        return cls(curves, table.norm, bound, None if constant is None else constant.accuracy)

    def markdown(self) -> list[str]:
        return []

    def own_rows(self) -> list[Line]:
        """What the lines of the figure are drawn from, but for the clean accuracy at ε = 0."""
        return [
            {
                "defense": curve.defense,
                "epsilon": point.epsilon,
                "probed": curve.probed,
                "standing": point.standing,
                **share("robust", point.robust),
            }
            for curve in self.curves
            for point in curve.points
        ]

    def figure(self, title: str) -> bytes | None:
        return draw_epsilon(self.curves, self.norm, self.epsilon, self.constant, title)
