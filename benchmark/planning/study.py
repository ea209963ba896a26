"""The cells of studies: each on every defense that it can be made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.core.bounds import perturbation_bound
from benchmark.core.errors import UserError
from benchmark.core.threat import Epsilon, Norm
from benchmark.planning.composing import evaluated
from benchmark.planning.context import Context, chosen
from benchmark.planning.labels import STUDY
from benchmark.planning.plan import Cell
from benchmark.planning.statements import check_study_statements
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.steps.study import StudyStep
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import StudyTable


@dataclass(frozen=True)
class StudyPlanner(TablePlanner):
    """A cell for every study of a defended model, in the suite's order."""

    context: Context

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        return cls(context) if context.suite.study else None

    def attacks(self) -> list[str]:
        return list(self.context.suite.study)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        context, cells = self.context, []
        for label, table in context.suite.study.items():
            if not table.enabled or not chosen(label, context.selection.attacks):
                continue
            study, name = context.study(label, table), planned.fit.name
            norm, epsilon = bound_of(context, label, table)
            if not chosen(name, table.defenses):
                cells.append(Cell(STUDY, name, label, "none", None, "not in this study's list of defenses"))
                continue
            check_study_statements(study, planned.defense, where=f"{context.where}: study.{label}")
            reason = study.without_use(planned.defense)
            step = StudyStep(
                clean=evaluated(context, planned.fit),
                name=label,
                study=study,
                norm=norm,
                epsilon=epsilon,
                images=table.samples,
                seed=context.seed,
            )
            cells.append(Cell(STUDY, name, label, "none", None if reason else step, reason))
        return cells


def bound_of(context: Context, label: str, table: StudyTable) -> tuple[Norm, Epsilon]:
    """The perturbation of a study: its own, or that of the robustness table.

    Raises:
        UserError: There is none, or it makes no sense.
    """
    section, where = context.suite.robustness, f"{context.where}: study.{label}"
    norm = table.norm or (Norm.LINF if section is None else section.norm)
    written = table.epsilon if section is None or table.epsilon is not None else section.epsilon
    if written is None:
        raise UserError(
            "it has no bound, and there is no [robustness] to take it from", where=where, remedy='set epsilon = "8/255"'
        )
    return norm, perturbation_bound(written, norm, context.data.train.shape, where=f"{where}.epsilon")
