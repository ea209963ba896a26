"""The cells that measure what a row must be read with."""

from __future__ import annotations

from benchmark.evaluation.flags.probe import TRIED
from benchmark.planning.context import chosen
from benchmark.planning.labels import DIAGNOSIS
from benchmark.planning.plan import Cell
from benchmark.planning.probe import Measuring
from benchmark.planning.table_planner import PlannedDefense
from benchmark.steps.diagnose import DiagnoseStep, has_curvature


class DiagnosisPlanner(Measuring):
    """A cell for every randomized defense, and for every one with an exact gradient through its purifier."""

    def attacks(self) -> list[str]:
        return [DIAGNOSIS] * bool(self.table.diagnoses)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        table, defense = self.table, planned.defense
        if (
            table.norm not in TRIED.norms
            or not table.diagnoses
            or not chosen(DIAGNOSIS, self.context.selection.attacks)
        ):
            return []
        if not (defense.randomized or has_curvature(defense)):
            return []
        step = self.measuring(DiagnoseStep, planned, table.diagnoses, table.eot_samples)
        return [Cell(DIAGNOSIS, planned.fit.name, DIAGNOSIS, "none", step)]
