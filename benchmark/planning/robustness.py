"""The cells of the robustness table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.core.bounds import perturbation_bound
from benchmark.core.threat import Epsilon
from benchmark.planning.composing import evaluated
from benchmark.planning.context import Context
from benchmark.planning.pairing import attack_step, threat_model
from benchmark.planning.plan import Cell
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import RobustnessTable


@dataclass(frozen=True)
class OfRobustness(TablePlanner):
    """A planner of what `[robustness]` asks for."""

    context: Context
    table: RobustnessTable

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        return None if context.suite.robustness is None else cls(context, context.suite.robustness)

    def bound(self) -> Epsilon:
        """The allowed perturbation; raises UserError where it makes no sense."""
        where = f"{self.context.where}: robustness.epsilon"
        return perturbation_bound(self.table.epsilon, self.table.norm, self.context.data.train.shape, where=where)


class RobustnessPlanner(OfRobustness):
    """A cell for every attack on a defended model."""

    def attacks(self) -> list[str]:
        return list(self.table.attack)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        self.bound()
        context, defense, clean = self.context, planned.defense, evaluated(self.context, planned.fit)
        cells = []
        for label, attack in context.attacks(self.table.attack):
            step, reason = attack_step(context, "robustness", label, attack, self.table, defense, clean)
            threat = threat_model(context, step, defense, "none") if step else None
            cells.append(Cell("robustness", planned.fit.name, label, "none", step, reason, threat))
        return cells
