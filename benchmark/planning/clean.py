"""The cells without an attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.planning.composing import evaluated
from benchmark.planning.context import Context
from benchmark.planning.plan import Cell
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.steps.train import TrainStep


@dataclass(frozen=True)
class CleanPlanner(TablePlanner):
    """What every row begins with: the decisions on clean images."""

    context: Context

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self:
        return cls(context)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        return [Cell("robustness", planned.fit.name, "clean", "none", evaluated(self.context, planned.fit))]
