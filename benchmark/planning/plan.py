"""The cells of a run and the steps that compute them."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmark.core.threat import ThreatModel
from benchmark.planning.rehearsal import Rehearsal
from benchmark.records.sweep_point import SweepPoint
from benchmark.steps.base import Step
from benchmark.steps.train import TrainStep


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
    """One result on the leaderboard: a defended model, alone, under an attack, watched by a detector, or looked into.

    Attributes:
        table: "robustness", "detection", "transfer", "sweep", "study", "probe" (what the flags of a robustness row
            measure) or "diagnosis" (what the number of a randomized or purifying defense must be read with).
        defense, attack, detector: Labels; attack is "clean" and detector "none" where there is none. In a transfer cell
            they are the attacked model and the classifier that the images were crafted on; of a study its label stands
            where an attack's does.
        step: The step that computes it; None where the pairing makes no sense.
        reason: Why there is no step.
        threat: The threat model, for cells with an attack.
        sweep: Where on a sweep it stands, whose table is "sweep".
    """

    table: str
    defense: str
    attack: str
    detector: str
    step: Step | None
    reason: str = ""
    threat: ThreatModel | None = None
    sweep: SweepPoint | None = None


@dataclass
class Plan:
    """The cells of a run, and the steps that compute them in an order that respects their needs.

    Attributes:
        cells: In the order of the documents.
        train: Makes the classifier of the suite; None where no suite was read.
        rehearsal: What it showed beforehand; None where it is the project's own.
    """

    cells: list[Cell] = field(default_factory=list)
    train: TrainStep | None = None
    rehearsal: Rehearsal | None = None

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
