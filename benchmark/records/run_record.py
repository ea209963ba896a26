"""`manifest.json`: what a run was, and the state of every cell."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from benchmark.core.threat import ThreatModel
from benchmark.records.attack_facts import AttackFacts
from benchmark.records.classifier_record import ClassifierRecord
from benchmark.records.defense_record import DefenseRecord
from benchmark.records.part import Part, Text
from benchmark.records.step_folder import FileMark
from benchmark.records.sweep_point import SweepPoint
from benchmark.suites.suite import Suite


class ImageCounts(Part):
    """Images of each split."""

    train: int
    validation: int
    evaluation: int


class SubgroupsRecord(Part):
    """What `subgroups.parquet` holds.

    Attributes:
        columns: Names of the columns, but the image's.
        file: What it is known by.
    """

    columns: tuple[Text, ...]
    file: FileMark


class DataRecord(Part):
    """The images.

    Attributes:
        name: Name of the data set's plug-in.
        title: For people.
        classes: Names of the K classes.
        fingerprint: Hash of the pixels and labels.
        counts: Images of each split.
        grouped: Whether patients are known.
        notes: What must stand beside every result.
        phantom: Whether they are drawn and show no patient.
        leaks: Those of the notes that say why evaluation images are not apart from the others.
        leaked: Evaluation images that stand in another split, too, pixel for pixel.
        subgroups: What is known of evaluation images besides, and the file that says it; None where nothing is.
    """

    name: str
    title: Text
    classes: tuple[Text, ...]
    fingerprint: str
    counts: ImageCounts
    grouped: bool
    notes: tuple[Text, ...]
    phantom: bool
    leaks: tuple[Text, ...]
    leaked: int
    subgroups: SubgroupsRecord | None


class Environment(Part):
    """Where a run was made: versions, device, threads, and the state of the checkout, None where there is none."""

    python: str
    system: str
    packages: dict[str, str]
    device: str
    threads: int
    commit: str | None
    dirty: bool | None


class CellRecord(Part):
    """One result on the leaderboard, as `benchmark.planning.plan.Cell` describes it.

    Attributes:
        table, defense, attack, detector: Where it stands.
        key: The step that computes it; None where the pairing makes no sense.
        status: How far it is.
        reason: Why it is not done.
        threat: The threat model, for cells with an attack.
        facts: How the attack is put together.
        trained_on: The attack whose examples the detector was fitted on.
        sweep: Where on a sweep it stands, whose table is "sweep".
    """

    table: str
    defense: str
    attack: str
    detector: str
    key: str | None
    status: Literal["done", "error", "not run", "not applicable"]
    reason: Text
    threat: ThreatModel | None = None
    facts: AttackFacts | None = None
    trained_on: str | None = None
    sweep: SweepPoint | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.status == "done" and self.key is None:
            raise ValueError("is done and has no step")
        if self.facts is not None and self.threat is None:
            raise ValueError("has an attack and no threat model")
        return self

    @property
    def done_key(self) -> str:
        """Key of the finished step; raises ValueError where it is not done."""
        if self.status != "done" or self.key is None:
            raise ValueError(f"{self.defense} × {self.attack} is {self.status}")
        return self.key

    @property
    def attack_facts(self) -> AttackFacts:
        """The facts; raises ValueError where there is no attack."""
        if self.facts is None:
            raise ValueError(f"{self.defense} × {self.attack} says nothing of its attack")
        return self.facts

    @property
    def sentence(self) -> str:
        """The threat model as one sentence; empty where there is none."""
        return self.threat.sentence() if self.threat else ""

    @property
    def perturbation(self) -> str:
        """The allowed perturbation, e.g. "L∞ 8/255"; empty where there is no threat model."""
        return self.threat.perturbation if self.threat else ""


class StepSummary(Part):
    """A step of the run, and how its computation went; None where it is not finished."""

    kind: str
    label: Text
    key: str
    seconds: float | None
    device: str | None
    finished: str | None


class RunRecord(Part):
    """Everything the leaderboard needs besides the steps themselves.

    Attributes:
        version: Of this shape; raised whenever a field comes, goes or changes its meaning.
        medrobust: Version of the software.
        status: How far the run is.
        suite: What it was to contain, with its profile applied.
        seed: The seed in force.
        data: The images.
        classifier: The network that every row shares.
        defenses: By label, those with a row, in the suite's order.
        cells: Every cell of the plan, in its order.
        steps: Every step of the plan, needs first.
        environment: Where it was made.
        published: Files that the run published; None before its end.
    """

    version: Literal[4] = 4
    medrobust: str
    status: Literal["running", "done", "failed", "interrupted"]
    suite: Suite
    seed: int
    data: DataRecord
    classifier: ClassifierRecord
    defenses: dict[str, DefenseRecord]
    cells: tuple[CellRecord, ...]
    steps: tuple[StepSummary, ...]
    environment: Environment
    published: dict[str, FileMark] | None = None

    def of(self, *tables: str) -> list[CellRecord]:
        """The cells of these tables."""
        return [cell for cell in self.cells if cell.table in tables]
