"""What every part of planning needs to know, and the plug-ins that the suite names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from attacks.base import Attack
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.images import ImageData
from benchmark.core.plugin import Plugin, look_up
from benchmark.core.settings import SEEDS
from benchmark.datasets.base import Dataset
from benchmark.models.base import Classifier
from benchmark.planning.labels import DIAGNOSIS, PROBE
from benchmark.planning.network_size import refuse_too_large
from benchmark.planning.plan import Selection
from benchmark.planning.rehearsal import Rehearsal, rehearse
from benchmark.planning.statements import check_attack_statements, check_defense_statements
from benchmark.steps.clean import CleanStep
from benchmark.steps.features import FeaturesStep
from benchmark.steps.fit import FitStep
from benchmark.steps.subset import evaluation_rows
from benchmark.steps.train import TrainStep
from benchmark.studies.base import Study
from benchmark.suites.suite import (
    AttackTable,
    ClassifierTable,
    DataTable,
    DefenseTable,
    DetectorTable,
    StudyTable,
    Suite,
)
from defenses.base import Defense
from detectors.base import Detector


@dataclass(frozen=True)
class Context:
    """A suite on data, narrowed by the command line.

    Attributes:
        suite: The suite.
        where: Name of its file, for messages.
        folder: Where that file lies.
        data: The images.
        selection: What the command line narrows it to.
    """

    suite: Suite
    where: str
    folder: Path
    data: ImageData
    selection: Selection

    @property
    def seed(self) -> int:
        """The seed in force."""
        return self.suite.seed if self.selection.seed is None else self.selection.seed

    def seed_after(self, number: int) -> int:
        """The seed that follows the one in force at a distance of `number`; after the last comes the first."""
        return (self.seed + number) % SEEDS

    def train(self, table: ClassifierTable, key: str, seed: int) -> tuple[TrainStep, Rehearsal | None]:
        """The step that makes the classifier of a table, and what somebody else's network showed beforehand.

        Raises:
            UserError: It cannot take images of this size, or cannot be used at all.
        """
        classifier = cast(Classifier, self._build("classifier", table.name, table.settings, key))
        classifier.check_size(self.data.train.shape[1:])
        where = f"{self.where}: {key}"
        refuse_too_large(classifier, shape=self.data.train.shape, classes=len(self.data.classes), where=where)
        rehearsal = rehearse(classifier, self.data, seed=seed, where=where)
        content = "" if rehearsal is None else rehearsal.weights
        return TrainStep(classifier, self.data.fingerprint(), seed, content), rehearsal

    def dataset(self, table: DataTable) -> Dataset:
        """The data set of a table, which need not be the one that the images are of."""
        return cast(Dataset, self._build("dataset", table.name, table.settings, "data"))

    def defense(self, label: str, table: DefenseTable) -> Defense:
        """The defense of a table."""
        defense = cast(Defense, self._build("defense", table.method or label, table.settings, f"defense.{label}"))
        check_defense_statements(defense, where=f"{self.where}: defense.{label}")
        return defense

    def detector(self, label: str, table: DetectorTable) -> Detector:
        """The detector of a table."""
        return cast(Detector, self._build("detector", table.method or label, table.settings, f"detector.{label}"))

    def attack(self, label: str, table: AttackTable, section: str) -> Attack:
        """The attack of a table of `section`."""
        key = f"{section}.attack.{label}"
        attack = cast(Attack, self._build("attack", table.method or label, table.settings, key))
        check_attack_statements(attack, where=f"{self.where}: {key}")
        return attack

    def study(self, label: str, table: StudyTable) -> Study:
        """The study of a table."""
        return cast(Study, self._build("study", table.method or label, table.settings, f"study.{label}"))

    def attacks(self, tables: dict[str, AttackTable]) -> Iterable[tuple[str, AttackTable]]:
        """The attacks that are enabled and chosen."""
        return [(k, t) for k, t in tables.items() if t.enabled and chosen(k, self.selection.attacks)]

    def clean(self, fit: FitStep, written: int | str, *, left_out: int | None = None) -> CleanStep:
        """The clean decisions of a defended model on as many images as the suite and the command line allow.

        Those of class `left_out` are then left out.
        """
        limits = [n for n in (self.selection.limit, written, len(self.data.evaluation)) if isinstance(n, int)]
        images = min(limits)
        samples = None if images == len(self.data.evaluation) else images
        step = CleanStep(fit, samples, self.suite.evaluation.replicates, self.seed, images, left_out)
        if left_out is None:
            return step
        rows = evaluation_rows(self.data.evaluation, samples, self.seed)
        return replace(step, images=int((self.data.evaluation.labels[rows] != left_out).sum()))

    def evaluated(self, fit: FitStep) -> CleanStep:
        """The same on the images of `[evaluation]`."""
        return self.clean(fit, self.suite.evaluation.samples)

    def features(self, clean: CleanStep) -> FeaturesStep:
        """The training features of a defended model."""
        return FeaturesStep(clean.fit, self.seed, len(self.data.train))

    def refuse_unmatched(self, option: str, globs: tuple[str, ...], labels: list[str]) -> None:
        """Raise UserError where a filter of the command line matches nothing; suggested are labels of the suite."""
        own = [label for label in dict.fromkeys(labels) if label not in (PROBE, DIAGNOSIS)]
        for glob in globs:
            if not any(fnmatchcase(label, glob) for label in labels):
                raise UserError(f"{glob!r} matches nothing in the suite", where=option, remedy=did_you_mean(glob, own))

    def _build(self, kind: str, name: str, settings: dict[str, Any], key: str) -> Plugin:
        where = f"{self.where}: {key}"
        return look_up(kind, name, where=where).from_settings(settings, where=where, folder=str(self.folder))


def chosen(label: str, globs: tuple[str, ...]) -> bool:
    """Whether one of the globs matches; none at all match everything."""
    return not globs or any(fnmatchcase(label, glob) for glob in globs)
