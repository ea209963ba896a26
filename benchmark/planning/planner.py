"""All cells of a suite."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.images import ImageData
from benchmark.planning.composing import table_target
from benchmark.planning.context import Context, chosen
from benchmark.planning.detection import detection_cells
from benchmark.planning.idle import refuse_idle
from benchmark.planning.labels import DIAGNOSIS, PROBE, check_labels
from benchmark.planning.plan import Cell, Plan, Selection
from benchmark.planning.references import check_references
from benchmark.planning.robustness import diagnosis_cell, probe_cell, robustness_cells
from benchmark.planning.tables import check_tables
from benchmark.planning.transfer import TransferMatrix
from benchmark.steps.fit import FitStep
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import Suite


def make_plan(suite: Suite, path: Path, data: ImageData, selection: Selection | None = None) -> Plan:
    """All cells of `suite` on `data`.

    Raises:
        UserError: An unknown plug-in, setting or objective; a value out of its range, also in a table that the
            command line leaves out; a norm that an attack cannot respect; a label that stands for something else; a
            filter that matches nothing; a detection table without detectors; a transfer matrix of one classifier, or
            with a label or a classifier twice; a run that would attack nothing.
    """
    context = Context(suite, path.name, data, selection or Selection())
    check_labels(suite, path.name)
    check_references(suite, path.name)
    check_tables(context)
    classifier = context.classifier(suite.classifier, "classifier")
    train = TrainStep(classifier, data.fingerprint(), context.seed)
    defenses = {
        label: context.defense(label, table)
        for label, table in suite.defense.items()
        if table.enabled and chosen(label, context.selection.defenses)
    }
    matrix = None if suite.transfer is None else TransferMatrix.of(context, suite.transfer, train)
    sources, targets = ([], []) if matrix is None else (matrix.sources, list(matrix.classifiers))
    context.refuse_unmatched("--defense", context.selection.defenses, [*suite.defense, *targets])
    context.refuse_unmatched("--attack", context.selection.attacks, [*_attack_labels(suite), *sources])
    context.refuse_unmatched("--detector", context.selection.detectors, list(suite.detector))
    aimed_at = None if suite.robustness is None else table_target(context, suite.robustness)
    left_out = None if aimed_at is None else aimed_at.label
    plan = Plan()
    for label, defense in defenses.items():
        fit = FitStep(train, label, defense, context.seed)
        clean = context.clean(fit, suite.evaluation.samples, left_out=left_out)
        plan.cells.append(Cell("robustness", label, "clean", "none", clean))
        if suite.robustness is not None:
            plan.cells += robustness_cells(context, suite.robustness, defense, clean)
            probe = probe_cell(context, suite.robustness, suite.defense[label], defense, clean)
            if probe is not None and chosen(PROBE, context.selection.attacks):
                plan.cells.append(probe)
            diagnosis = diagnosis_cell(context, suite.robustness, defense, clean)
            if diagnosis is not None and chosen(DIAGNOSIS, context.selection.attacks):
                plan.cells.append(diagnosis)
        if suite.detection is not None and chosen(label, suite.detection.defenses):
            samples = suite.detection.samples or suite.evaluation.samples
            plan.cells += detection_cells(context, suite.detection, defense, context.clean(fit, samples))
    if matrix is not None:
        plan.cells += matrix.cells(defenses)
    refuse_idle(plan, suite, context.selection, path.name)
    return plan


def _attack_labels(suite: Suite) -> list[str]:
    sections = [s for s in (suite.robustness, suite.detection) if s is not None]
    measured = [] if suite.robustness is None else [PROBE] * bool(suite.robustness.probes)
    if suite.robustness is not None and suite.robustness.diagnoses:
        measured.append(DIAGNOSIS)
    return [label for section in sections for label in section.attack] + measured
