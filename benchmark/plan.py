"""From a suite to cells and steps; everything that can be refused is refused here, before any work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from attacks.base import Attack, Stop
from attacks.composing import ObjectiveChoice
from attacks.iterative import IterativeAttack
from attacks.pgd import PGD
from benchmark.errors import UserError, did_you_mean
from benchmark.images import ImageData
from benchmark.models.base import Classifier
from benchmark.plugin import Plugin, look_up
from benchmark.steps.attack import AttackStep
from benchmark.steps.base import Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.detect import DetectStep
from benchmark.steps.detector_fitting import DetectorFitting
from benchmark.steps.features import FeaturesStep
from benchmark.steps.fit import FitStep
from benchmark.steps.probe import ProbeStep
from benchmark.steps.train import TrainStep
from benchmark.suite import AttackTable, DefenseTable, DetectionTable, DetectorTable, RobustnessTable, Suite
from benchmark.threat import Access, Epsilon, Goal, ThreatModel
from defenses.base import Defense
from detectors.base import Detector

_PROBE = "probe"
_PROBE_STEPS = 100


@dataclass(frozen=True)
class Selection:
    """What the command line narrows a suite to; globs on labels, empty for all."""

    defenses: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    limit: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Cell:
    """One result on the leaderboard: a defended model, alone, under an attack, watched by a detector, or probed.

    Attributes:
        table: "robustness", "detection" or "probe" (what the flags of a robustness row measure).
        defense, attack, detector: Labels; attack is "clean" and detector "none" where there is none.
        step: The step that computes it; None where the pairing makes no sense.
        reason: Why there is no step.
        threat: The threat model, for cells with an attack.
    """

    table: str
    defense: str
    attack: str
    detector: str
    step: Step | None
    reason: str = ""
    threat: ThreatModel | None = None


@dataclass
class Plan:
    """The cells of a run, and the steps that compute them in an order that respects their needs."""

    cells: list[Cell] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """Every step once, needs first."""
        ordered: dict[str, Step] = {}

        def visit(step: Step) -> None:
            if step.key not in ordered:
                for need in step.needs:
                    visit(need)
                ordered[step.key] = step

        for cell in self.cells:
            if cell.step is not None:
                visit(cell.step)
        return list(ordered.values())


def make_plan(suite: Suite, path: Path, data: ImageData, selection: Selection | None = None) -> Plan:
    """All cells of `suite` on `data`.

    Raises:
        UserError: An unknown plug-in, setting or objective; a norm that an attack cannot respect; a filter that
            matches nothing; a detection table without detectors.
    """
    return _Planner(suite, path.name, data, selection or Selection()).plan()


class _Planner:
    def __init__(self, suite: Suite, where: str, data: ImageData, selection: Selection) -> None:
        self.suite = suite
        self.where = where
        self.data = data
        self.selection = selection
        self.seed = suite.seed if selection.seed is None else selection.seed

    def plan(self) -> Plan:
        suite = self.suite
        table = suite.classifier
        classifier = cast(Classifier, self._build("classifier", table.name, table.settings, "classifier"))
        classifier.check_size(self.data.train.shape[1:])
        train = TrainStep(classifier, self.data.fingerprint(), self.seed)
        defenses = {
            label: self._defense(label, table)
            for label, table in suite.defense.items()
            if table.enabled and _chosen(label, self.selection.defenses)
        }
        self._refuse_unmatched("--defense", self.selection.defenses, list(suite.defense))
        self._refuse_unmatched("--attack", self.selection.attacks, self._attack_labels())
        self._refuse_unmatched("--detector", self.selection.detectors, list(suite.detector))
        plan = Plan()
        for label, defense in defenses.items():
            fit = FitStep(train, label, defense, self.seed)
            clean = self._clean(fit, suite.evaluation.samples)
            plan.cells.append(Cell("robustness", label, "clean", "none", clean))
            if suite.robustness is not None:
                plan.cells += self._robustness(suite.robustness, defense, clean)
                own = suite.defense[label].probes
                probes = suite.robustness.probes if own is None else own
                if probes and _chosen(_PROBE, self.selection.attacks):
                    plan.cells.append(self._probe(suite.robustness, defense, clean, probes))
            if suite.detection is not None and _chosen(label, suite.detection.defenses):
                samples = suite.detection.samples or suite.evaluation.samples
                plan.cells += self._detection(suite.detection, defense, self._clean(fit, samples))
        return plan

    def _clean(self, fit: FitStep, written: int | str) -> CleanStep:
        limits = [n for n in (self.selection.limit, written, len(self.data.evaluation)) if isinstance(n, int)]
        images = min(limits)
        samples = None if images == len(self.data.evaluation) else images
        return CleanStep(fit, samples, self.suite.evaluation.replicates, self.seed, images)

    def _robustness(self, table: RobustnessTable, defense: Defense, clean: CleanStep) -> list[Cell]:
        cells = []
        for label, attack in self._attacks(table.attack):
            where = f"{self.where}: robustness.attack.{label}"
            step, reason = self._attack_step(label, attack, table, defense, clean, Stop.FIRST_SUCCESS, where)
            threat = self._threat(step, defense, "none") if step else None
            cells.append(Cell("robustness", clean.fit.name, label, "none", step, reason, threat))
        return cells

    def _probe(self, table: RobustnessTable, defense: Defense, clean: CleanStep, images: int) -> Cell:
        label = clean.fit.name
        if table.norm not in PGD.norms:
            reason = f"PGD, which the flags try, cannot respect {table.norm.symbol}"
            return Cell(_PROBE, label, _PROBE, "none", None, reason)
        step = ProbeStep(
            clean=clean,
            norm=table.norm,
            epsilon=Epsilon.parse(table.epsilon, where=f"{self.where}: robustness.epsilon"),
            gradient="autograd" if defense.differentiable else "bpda",
            eot_samples=table.eot_samples if defense.randomized else 1,
            steps=max(self._steps(table, label), default=PGD().steps),
            images=images,
            seed=self.seed,
        )
        return Cell(_PROBE, label, _PROBE, "none", step)

    def _steps(self, table: RobustnessTable, defense: str) -> list[int]:
        """Steps of the iterative white-box attacks that the suite has for a defense, whichever are run this time."""
        found = []
        for label, attack in table.attack.items():
            if attack.enabled and attack.gradient != "undefended" and _chosen(defense, attack.defenses):
                where = f"{self.where}: robustness.attack.{label}"
                plugin = cast(Attack, self._build("attack", attack.method or label, attack.settings, where))
                if isinstance(plugin, IterativeAttack) and plugin.access is Access.GRADIENT and not plugin.minimal:
                    found.append(min(plugin.steps, _PROBE_STEPS))
        return found

    def _detection(self, table: DetectionTable, defense: Defense, clean: CleanStep) -> list[Cell]:
        detectors = {
            label: self._detector(label, detector)
            for label, detector in self.suite.detector.items()
            if detector.enabled and _chosen(label, self.selection.detectors)
        }
        if not self.suite.detector:
            raise UserError(
                "the detection table has no detector",
                where=f"{self.where}: detection",
                remedy="add a [detector.NAME] table, or remove [detection]",
            )
        steps: dict[str, AttackStep] = {}
        cells = []
        features = self._features(clean)
        for label, attack in table.attack.items():
            if attack.enabled:
                where = f"{self.where}: detection.attack.{label}"
                step, reason = self._attack_step(label, attack, table, defense, clean, Stop.NEVER, where)
                if step is not None:
                    steps[label] = step
                elif _chosen(label, self.selection.attacks):
                    cells.append(Cell("detection", clean.fit.name, label, "none", None, reason))
        for label, step in steps.items():
            if not _chosen(label, self.selection.attacks):
                continue
            trained_on = table.attack[label].trained_on or label
            if trained_on not in steps:
                raise UserError(
                    f"there is no attack {trained_on!r} for detectors to be trained on",
                    where=f"{self.where}: detection.attack.{label}.trained_on",
                    remedy=did_you_mean(trained_on, list(steps)),
                )
            learned = steps[trained_on]
            if learned.attack.needs_detector:
                raise UserError(
                    f"detectors cannot be trained on {trained_on!r}, which is run against a trained detector",
                    where=f"{self.where}: detection.attack.{label}.trained_on",
                    remedy="name another attack of the table, e.g. bim",
                )
            for name, detector in detectors.items():
                attack_step = step
                if step.attack.needs_detector:
                    watched = DetectorFitting(features, learned, name, detector, self.seed)
                    attack_step = replace(step, watched=watched)
                detect = DetectStep(features, learned, attack_step, name, detector, self.seed)
                aware = _detector_aware(step.attack, step.objective)
                threat = self._threat(step, defense, "adaptive" if aware else "oblivious")
                cells.append(Cell("detection", clean.fit.name, label, name, detect, threat=threat))
        return cells

    def _attack_step(
        self,
        label: str,
        table: AttackTable,
        section: RobustnessTable | DetectionTable,
        defense: Defense,
        clean: CleanStep,
        stop: Stop,
        where: str,
    ) -> tuple[AttackStep | None, str]:
        """The step, or the reason why this attack and this defense do not pair."""
        attack = cast(Attack, self._build("attack", table.method or label, table.settings, where))
        norm = table.norm or section.norm
        if norm not in attack.norms:
            raise UserError(
                f"attack {attack.name!r} cannot respect {norm.symbol}",
                where=f"{where}.norm",
                remedy=f"use {' or '.join(sorted(attack.norms))}, or another attack",
            )
        written = section.epsilon if table.epsilon is None else table.epsilon
        epsilon = Epsilon.parse(written, where=f"{where}.epsilon")
        objective = _objective(table)
        if objective is not None:
            kind = objective.kind(where=f"{where}.objective")
            if attack.access is not Access.GRADIENT:
                raise UserError(
                    f"attack {attack.name!r} takes no objective: it only queries scores",
                    where=f"{where}.objective",
                    remedy="remove the key",
                )
            if attack.default_objective().detector_aware:
                raise UserError(
                    f"attack {attack.name!r} is its objective: with another it would be plain BIM",
                    where=f"{where}.objective",
                    remedy="remove the key, or name another attack as method",
                )
            if kind.minimum_classes > len(self.data.classes):
                raise UserError(
                    f"objective {objective.name!r} needs {kind.minimum_classes} classes, "
                    f"the data has {len(self.data.classes)}",
                    where=f"{where}.objective",
                    remedy='use "margin"',
                )
        if _detector_aware(attack, objective) and stop is not Stop.NEVER:
            raise UserError(
                "the attack is aimed at a detector, and this table has none",
                where=f"{where}.objective" if objective else where,
                remedy="move the attack to [detection.attack.…]",
            )
        if not _chosen(clean.fit.name, table.defenses):
            return None, "not in this attack's list of defenses"
        gradient = table.gradient
        if gradient == "auto":
            gradient = "autograd" if defense.differentiable else "bpda"
        elif gradient == "autograd" and not defense.differentiable:
            return None, "the defense has no gradient; bpda replaces it"
        elif gradient == "exact" and not defense.exact_gradient:
            return (
                None,
                "autograd is exact already" if defense.differentiable else "the defense offers no exact gradient",
            )
        elif gradient in ("bpda", "undefended") and not defense.purifier:
            return None, "there is no purifier to step around"
        sampled = defense.randomized and attack.access is Access.GRADIENT and gradient != "undefended"
        if table.eot_samples == "auto":
            draws = section.eot_samples if sampled and isinstance(section, RobustnessTable) else 1
        elif table.eot_samples > 1 and not sampled:
            return None, "there are no random draws to average over"
        else:
            draws = table.eot_samples
        needs_features = (objective.kind(where=where) if objective else attack.default_objective()).needs_features
        proxies = tuple(replace(clean.fit.train, seed=self.seed + 1 + i) for i in range(attack.proxies))
        step = AttackStep(
            clean=clean,
            name=label,
            attack=attack,
            norm=norm,
            epsilon=epsilon,
            objective=objective,
            gradient=gradient,
            eot_samples=draws,
            stop=stop,
            features=self._features(clean) if needs_features else None,
            proxies=proxies,
            replicates=self.suite.evaluation.replicates,
            seed=self.seed,
        )
        return step, ""

    def _threat(self, step: AttackStep, defense: Defense, detector: str) -> ThreatModel:
        budget = step.attack.budget()
        if step.eot_samples > 1:
            budget += f", {step.eot_samples} EOT samples"
        if step.attack.access is Access.GRADIENT and step.gradient == "bpda":
            budget += ", gradient by BPDA"
        if step.gradient == "exact":
            budget += ", exact gradient through purification"
        return ThreatModel(
            norm=step.norm,
            epsilon=step.epsilon,
            access=step.attack.access,
            goal=Goal.TARGETED if step.stop is Stop.NEVER else Goal.UNTARGETED,
            resolution=self.data.evaluation.shape[1:],
            classes=len(self.data.classes),
            budget=budget,
            bound=step.attack.bound(step.norm, step.epsilon),
            knows_defense=step.gradient != "undefended",
            randomized=defense.randomized,
            detector=detector,
        )

    def _features(self, clean: CleanStep) -> FeaturesStep:
        return FeaturesStep(clean.fit, self.seed, len(self.data.train))

    def _attacks(self, tables: dict[str, AttackTable]) -> Iterable[tuple[str, AttackTable]]:
        return [(k, t) for k, t in tables.items() if t.enabled and _chosen(k, self.selection.attacks)]

    def _attack_labels(self) -> list[str]:
        sections = [s for s in (self.suite.robustness, self.suite.detection) if s is not None]
        probed = self.suite.robustness is not None and self.suite.robustness.probes
        return [label for section in sections for label in section.attack] + ([_PROBE] if probed else [])

    def _defense(self, label: str, table: DefenseTable) -> Defense:
        return cast(Defense, self._build("defense", table.method or label, table.settings, f"defense.{label}"))

    def _detector(self, label: str, table: DetectorTable) -> Detector:
        return cast(Detector, self._build("detector", table.method or label, table.settings, f"detector.{label}"))

    def _build(self, kind: str, name: str, settings: dict[str, Any], key: str) -> Plugin:
        where = key if key.startswith(self.where) else f"{self.where}: {key}"
        return look_up(kind, name, where=where).from_settings(settings, where=where)

    def _refuse_unmatched(self, option: str, globs: tuple[str, ...], labels: list[str]) -> None:
        for glob in globs:
            if not any(fnmatchcase(label, glob) for label in labels):
                raise UserError(
                    f"{glob!r} matches nothing in the suite", where=option, remedy=did_you_mean(glob, labels)
                )


def _objective(table: AttackTable) -> ObjectiveChoice | None:
    if table.objective is None:
        return None
    if isinstance(table.objective, str):
        return ObjectiveChoice(table.objective)
    return ObjectiveChoice(table.objective.name, table.objective.settings)


def _detector_aware(attack: Attack, objective: ObjectiveChoice | None) -> bool:
    return (objective.kind(where="") if objective else attack.default_objective()).detector_aware


def _chosen(label: str, globs: tuple[str, ...]) -> bool:
    return not globs or any(fnmatchcase(label, glob) for glob in globs)
