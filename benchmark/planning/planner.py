"""All cells of a suite."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.images import ImageData
from benchmark.planning.clean import CleanPlanner
from benchmark.planning.context import Context, chosen
from benchmark.planning.detection import DetectionPlanner
from benchmark.planning.diagnosis import DiagnosisPlanner
from benchmark.planning.fitting import fit_step
from benchmark.planning.idle import refuse_idle
from benchmark.planning.labels import check_labels
from benchmark.planning.plan import Plan, Selection
from benchmark.planning.probe import ProbePlanner
from benchmark.planning.references import check_references
from benchmark.planning.robustness import RobustnessPlanner
from benchmark.planning.study import StudyPlanner
from benchmark.planning.sweep import SweepPlanner
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.planning.tables import check_tables
from benchmark.planning.transfer import TransferPlanner
from benchmark.suites.suite import Suite

PLANNERS: tuple[type[TablePlanner], ...] = (
    CleanPlanner,
    RobustnessPlanner,
    ProbePlanner,
    DiagnosisPlanner,
    DetectionPlanner,
    TransferPlanner,
    SweepPlanner,
    StudyPlanner,
)
"""In the order of a defense's cells."""


def make_plan(suite: Suite, path: Path, data: ImageData, selection: Selection | None = None) -> Plan:
    """All cells of `suite` on `data`.

    Raises:
        UserError: An unknown plug-in, setting or objective; a value out of its range, also in a table that the
            command line leaves out; a norm that an attack cannot respect; a label that stands for something else; a
            filter that matches nothing; a detection table without detectors; a transfer matrix of one classifier, or
            with a label or a classifier twice; a run that would attack nothing.
    """
    context = Context(suite, path.name, path.absolute().parent, data, selection or Selection())
    check_labels(suite, path.name)
    check_references(suite, path.name)
    check_tables(context)
    train, rehearsal = context.train(suite.classifier, "classifier", context.seed)
    defenses = {
        label: context.defense(label, table)
        for label, table in suite.defense.items()
        if table.enabled and chosen(label, context.selection.defenses)
    }
    planners = [planner for kind in PLANNERS if (planner := kind.of(context, train)) is not None]
    targets = [label for planner in planners for label in planner.targets()]
    attacks = [label for planner in planners for label in planner.attacks()]
    context.refuse_unmatched("--defense", context.selection.defenses, [*suite.defense, *targets])
    context.refuse_unmatched("--attack", context.selection.attacks, attacks)
    context.refuse_unmatched("--detector", context.selection.detectors, list(suite.detector))
    plan = Plan(train=train, rehearsal=rehearsal)
    for label, defense in defenses.items():
        planned = PlannedDefense(suite.defense[label], defense, fit_step(context, label, defense, train))
        plan.cells += [cell for planner in planners for cell in planner.of_defense(planned)]
    plan.cells += [cell for planner in planners for cell in planner.of_all(defenses)]
    refuse_idle(plan, suite, context.selection, path.name)
    return plan
