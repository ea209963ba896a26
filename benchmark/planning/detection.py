"""The cells of the detection table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from benchmark.core.bounds import perturbation_bound
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.threat import DetectorKnowledge
from benchmark.planning.context import Context, chosen
from benchmark.planning.pairing import attack_step, threat_model
from benchmark.planning.plan import Cell
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.steps.attack import AttackStep
from benchmark.steps.clean import CleanStep
from benchmark.steps.detect import DetectStep
from benchmark.steps.detector_fitting import DetectorFitting
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import DetectionTable
from defenses.base import Defense


@dataclass(frozen=True)
class DetectionPlanner(TablePlanner):
    """A cell for every attack and detector on a defended model."""

    context: Context
    table: DetectionTable

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        return None if context.suite.detection is None else cls(context, context.suite.detection)

    def attacks(self) -> list[str]:
        return list(self.table.attack)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        if not chosen(planned.fit.name, self.table.defenses):
            return []
        samples = self.table.samples or self.context.suite.evaluation.samples
        return _cells(self.context, self.table, planned.defense, self.context.clean(planned.fit, samples))


def _cells(context: Context, table: DetectionTable, defense: Defense, clean: CleanStep) -> list[Cell]:
    """The cells of one defended model.

    Raises:
        UserError: There is no detector, the bound makes no sense, or the attack that detectors should learn from is
            missing or unfit.
    """
    suite, selection = context.suite, context.selection
    detectors = {
        label: context.detector(label, detector)
        for label, detector in suite.detector.items()
        if detector.enabled and chosen(label, selection.detectors)
    }
    if not suite.detector:
        raise UserError(
            "the detection table has no detector",
            where=f"{context.where}: detection",
            remedy="add a [detector.NAME] table, or remove [detection]",
        )
    where = f"{context.where}: detection.epsilon"
    perturbation_bound(table.epsilon, table.norm, context.data.train.shape, where=where)
    steps: dict[str, AttackStep] = {}
    cells = []
    features = context.features(clean)
    for label, attack in table.attack.items():
        if attack.enabled:
            made, reason = attack_step(context, "detection", label, attack, table, defense, clean)
            if made is not None:
                steps[label] = made
            elif chosen(label, selection.attacks):
                cells.append(Cell("detection", clean.fit.name, label, "none", None, reason))
    for label, step in steps.items():
        if not chosen(label, selection.attacks):
            continue
        learned = _teacher(context, table.attack[label].trained_on or label, label, steps)
        for name, detector in detectors.items():
            aimed = step
            if step.attack.needs_detector:
                aimed = replace(step, deceived=DetectorFitting(features, learned, name, detector, context.seed))
            detect = DetectStep(features, learned, aimed, name, detector, context.seed)
            known: DetectorKnowledge = "adaptive" if step.maximised.detector_aware else "oblivious"
            threat = threat_model(context, step, defense, known)
            cells.append(Cell("detection", clean.fit.name, label, name, detect, threat=threat))
    return cells


def _teacher(context: Context, trained_on: str, label: str, steps: dict[str, AttackStep]) -> AttackStep:
    """The attack whose examples detectors learn from."""
    where = f"{context.where}: detection.attack.{label}.trained_on"
    if trained_on not in steps:
        raise UserError(
            f"there is no attack {trained_on!r} for detectors to be trained on",
            where=where,
            remedy=did_you_mean(trained_on, list(steps)),
        )
    if steps[trained_on].attack.needs_detector:
        raise UserError(
            f"detectors cannot be trained on {trained_on!r}, which is run against a trained detector",
            where=where,
            remedy="name another attack of the table, e.g. bim",
        )
    return steps[trained_on]
