"""What a flag is, and the evidence it looks at."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.core.errors import UserError, in_words
from benchmark.records.attack_facts import AttackFacts
from benchmark.records.defense_record import DefenseTraits

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

FAILED = "failed"
"""Key under which a measurement that raised keeps its reason."""


class Verdict(StrEnum):
    """What a flag says. Only a flag that is passed, warns or does not apply leaves its row a rank."""

    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_RUN = "not-run"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Flag:
    """One flag of one row.

    Attributes:
        id: Name of the flag.
        verdict: What it says.
        value: What was measured; None where nothing was.
        threshold: What it was compared with, in words.
        n: Number of samples it rests on.
        meaning: What it means when raised, in one line.
        note: Details, e.g. which attack.
    """

    id: str
    verdict: Verdict
    value: float | None
    threshold: str
    n: int
    meaning: str
    note: str = ""


@dataclass(frozen=True)
class AttackEvidence:
    """One attack of the row.

    Attributes:
        label: Its label in the suite.
        facts: How it is put together.
        samples: Per-sample records, aligned over the attacks of a row.
        replayed: What became of its questions when a fresh process was asked them again; None where it asked none.
    """

    label: str
    facts: AttackFacts
    samples: pd.DataFrame
    replayed: dict[str, Any] | None = None


@dataclass(frozen=True)
class DetectionEvidence:
    """One attack on the row's model while one detector watches.

    Attributes:
        attack, detector: Their labels in the suite.
        aware: Whether the attack takes the detector into account.
        through: Which test images are misclassified and not flagged at 5 % false positives; aligned over the attacks
            on a detector.
    """

    attack: str
    detector: str
    aware: bool
    through: NDArray[np.bool_]


@dataclass(frozen=True)
class RowEvidence:
    """Everything known of a defense's row.

    Attributes:
        traits: What the defense says of itself.
        clean: Per-sample clean records.
        attacks: The finished attacks.
        measurements: What the probe measured, by flag id.
        unmeasured: Why there are no measurements, where there are none.
        replicates: Fresh decisions on every image.
        claimed_accuracy: Clean accuracy that the defense's authors report, in [0, 1], where the suite says it.
        detection: The finished detection cells of the same model.
        leaked: How many of the data set's evaluation images stand in another split, too; None where it was not counted.
        evaluation: How many evaluation images the data set has.
    """

    traits: DefenseTraits
    clean: pd.DataFrame
    attacks: list[AttackEvidence]
    measurements: dict[str, dict[str, Any]] = field(default_factory=dict)
    unmeasured: str = "no probe was run"
    replicates: int = 1
    claimed_accuracy: float | None = None
    detection: list[DetectionEvidence] = field(default_factory=list)
    leaked: int | None = None
    evaluation: int = 0

    def where(self, **facts: Any) -> list[AttackEvidence]:
        """The attacks whose facts have these values."""
        return [a for a in self.attacks if all(getattr(a.facts, k) == v for k, v in facts.items())]

    def informed(self) -> list[AttackEvidence]:
        """The white-box attacks that take the defense into account."""
        return self.where(access="gradient", sees_defense=True)

    def by_gradient(self) -> list[AttackEvidence]:
        """Those of them that know nothing but gradients: what they break, gradients can find."""
        return self.where(access="gradient", sees_defense=True, follows_values=False, queries_too=False)

    def by_values(self) -> list[AttackEvidence]:
        """Searches that follow values where others follow a gradient, for long enough to get somewhere."""
        return [a for a in self.where(follows_values=True) if a.facts.effort.met]


class FlagCheck(ABC):
    """Computes one flag.

    Class attributes:
        id: Its name, as in `docs/flags.md`.
        threshold: What the value is compared with, in words.
        meaning: What it means when raised, in one line.
        source: Where the definition comes from.
    """

    id: ClassVar[str]
    threshold: ClassVar[str]
    meaning: ClassVar[str]
    source: ClassVar[str] = ""

    def measure(self, probe: Probe) -> dict[str, Any] | None:
        """What the flag must ask of the model itself, as JSON; None, the default, where the records say enough.

        It comes back in `RowEvidence.measurements` under the flag's id.
        """
        del probe
        return None

    @abstractmethod
    def evaluate(self, row: RowEvidence) -> Flag:
        """The flag for a row: `not-run` where evidence is missing, `n/a` where it has no meaning for the row."""
        raise NotImplementedError

    def flag(self, verdict: Verdict, value: float | None, n: int, note: str = "") -> Flag:
        """A flag with this check's name and meaning."""
        return Flag(self.id, verdict, value, self.threshold, n, self.meaning, note)

    def not_run(self, note: str) -> Flag:
        """The flag when it could not be computed, and why."""
        return self.flag(Verdict.NOT_RUN, None, 0, note)

    def not_applicable(self, reason: str) -> Flag:
        """The flag on a row of which it says nothing, and why."""
        return self.flag(Verdict.NOT_APPLICABLE, None, 0, f"does not apply: {reason}")


class MeasuredCheck(FlagCheck):
    """A flag that rests on a measurement: `measure` asks the model, `judge` says what the answer means."""

    @abstractmethod
    def measure(self, probe: Probe) -> dict[str, Any] | None:
        raise NotImplementedError

    @abstractmethod
    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        """The flag, from what `measure` gave."""
        raise NotImplementedError

    def evaluate(self, row: RowEvidence) -> Flag:
        measured = row.measurements.get(self.id)
        if measured is None:
            return self.not_run(row.unmeasured)
        if FAILED in measured:
            return self.not_run(f"could not be measured: {measured[FAILED]}")
        if not _finite(measured):
            return self.not_run("could not be measured: a number that is not finite")
        return self.judge(row, measured)


def reason_of(error: Exception) -> str:
    """An exception in one line."""
    return error.problem if isinstance(error, UserError) else in_words(error)


def _finite(measured: Any) -> bool:
    """Whether no number of a measurement is missing, NaN or infinite; JSON keeps the last two as null."""
    if isinstance(measured, dict):
        return all(_finite(value) for value in measured.values())
    if isinstance(measured, (list, tuple)):
        return all(_finite(value) for value in measured)
    return measured is not None and not (isinstance(measured, float) and not math.isfinite(measured))
