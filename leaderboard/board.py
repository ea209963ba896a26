"""A run folder read into a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmark.records.store import Store
from leaderboard.about_classifier import about_classifier
from leaderboard.detection.schema import DetectionRow
from leaderboard.detection.section import Detection
from leaderboard.reading import alone
from leaderboard.reference.rows import Reference, reference
from leaderboard.results import Results
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.robustness.section import Robustness
from leaderboard.section import Section
from leaderboard.sections import SECTIONS
from leaderboard.survival.schema import SurvivalCurve
from leaderboard.survival.section import Survival
from leaderboard.transfer.schema import TransferMatrix
from leaderboard.transfer.section import Transfer

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Board:
    """All tables of a run, with what must stand above them.

    Attributes:
        title: What was run on what.
        protocol: How every number was made.
        notes: What must be known of the images and the classifier.
        phantom: Whether they are drawn and show no patient.
        sections: What the run has to show, in the order of the documents.
    """

    title: str
    protocol: tuple[str, ...]
    notes: tuple[str, ...]
    phantom: bool
    sections: tuple[Section, ...]

    def section(self, kind: type[S]) -> S | None:
        """The section of this kind; None where the run has nothing of it."""
        return next((section for section in self.sections if isinstance(section, kind)), None)

    def failures(self) -> list[str]:
        """What is an error or no result, so that a run that has it does not end like one that has all."""
        return [line for section in self.sections for line in section.failures()]

    @property
    def robustness(self) -> tuple[RobustnessRow, ...]:
        """The rows of the robustness table, ranked ones first."""
        found = self.section(Robustness)
        return found.table if found else ()

    @property
    def reference(self) -> Reference | None:
        """The constant answer on the images of the robustness table; None where there are none."""
        found = self.section(Robustness)
        return found.reference if found else None

    @property
    def survival(self) -> tuple[SurvivalCurve, ...]:
        """Robust accuracy against attack step."""
        found = self.section(Survival)
        return found.curves if found else ()

    @property
    def detection(self) -> tuple[DetectionRow, ...]:
        """The rows of the detection table."""
        found = self.section(Detection)
        return found.table if found else ()

    @property
    def transfer(self) -> TransferMatrix | None:
        """The transfer matrix; None where the run has none."""
        found = self.section(Transfer)
        return found.matrix if found else None


def read_board(run: Path, *, unasked: bool = False) -> Board:
    """All tables of the run in folder `run`.

    Args:
        run: The folder.
        unasked: Leave out what a terminal shows only where everything is asked for, unless there is nothing else.

    Raises:
        UserError: There is no run, or another version of medrobust wrote it.
    """
    store = Store(run)
    results = Results(store.manifest(), store)
    suite, data = results.run.suite, results.run.data
    sections: tuple[Section, ...] = ()
    if unasked:
        sections = _sections(results, [kind for kind in SECTIONS if kind.unasked])
    return Board(
        title=f"{suite.title} · {suite.profile} profile · {data.title}",
        protocol=_protocol(results),
        notes=(*data.notes, *([results.run.classifier.doubt] if results.run.classifier.doubt else [])),
        phantom=data.phantom,
        sections=sections or _sections(results, SECTIONS),
    )


def _sections(results: Results, kinds: Sequence[type[Section]]) -> tuple[Section, ...]:
    found = (kind.of(results) for kind in kinds)
    return tuple(section for section in found if section is not None)


def _protocol(results: Results) -> tuple[str, ...]:
    run, suite, data = results.run, results.run.suite, results.run.data
    grouped = "intervals count patients as clusters" if data.grouped else "patients unknown: intervals count images"
    lines = [
        f"Suite {suite.name}, profile {suite.profile}, protocol {suite.protocol}, seed {run.seed}, "
        f"medrobust {run.medrobust}; rows of other profiles, suites or data are not comparable.",
        f"Data: {data.title}, fingerprint {data.fingerprint[:16]}; {data.counts.train} training, "
        f"{data.counts.validation} validation and {_samples(results)} of {data.counts.evaluation} evaluation images; "
        f"{grouped}.",
        about_classifier(run.classifier, data.counts.validation),
        "Robust accuracy is the share of images right on clean input and after the attack; the worst case is per "
        "image over all attacks of the row. Rows rank by its mean over the classes, balanced accuracy, which is 1/K "
        "for whoever answers the same to every image. Only images that are right on clean input are attacked. "
        "Intervals are 95 %.",
    ]
    return (*lines, *(line for kind in SECTIONS if (line := kind.protocol(suite))))


def _samples(results: Results) -> int:
    """Number of evaluation images, as most rows or any finished entry of the transfer matrix saw them."""
    constant = results.once(reference)
    if constant is not None:
        return constant.n
    keys = (cell.done_key for cell in results.run.of("transfer") if cell.status == "done")
    counts = (alone(lambda k=key: len(results.samples(k)), lambda _: 0) for key in keys)  # type: ignore[misc]
    return next((count for count in counts if count), 0)
