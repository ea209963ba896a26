"""What a leaderboard row holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.core.threat import ThreatModel
from benchmark.evaluation.clinical import ClinicalMetrics
from benchmark.evaluation.detection import Detection
from benchmark.evaluation.flags.base import Flag
from benchmark.evaluation.intervals import Estimate as Estimate
from leaderboard.ranking import Ranking
from leaderboard.reference import Reference


@dataclass(frozen=True)
class Spread:
    """Accuracy over fresh draws of a randomized defense.

    Attributes:
        mean, deviation: Over `draws` decisions on every final image; one that was not attacked is the clean image.
        draws: How many.
        worst: Share of the images that are right in every draw (worst of N).
    """

    mean: float
    deviation: float
    draws: int
    worst: float


@dataclass(frozen=True)
class Diagnosis:
    """What a randomized or purifying defense's number must be read with.

    Attributes:
        lines: All of it in words.
        unperturbed: Share of images that the two-stage rule breaks at ε = 0.
        known_draws: Share of images that fall when the attacker knows the draws.
        contradicted: Whether finite differences contradict the exact gradient; None where that was not measured.
    """

    lines: tuple[str, ...]
    unperturbed: Estimate | None
    known_draws: Estimate | None
    contradicted: bool | None


@dataclass(frozen=True)
class AttackResult:
    """One attack of a robustness row.

    Attributes:
        attack: Its label.
        status: "done", "error", "not run" or "not applicable".
        reason: Why it is not done.
        robust: Robust accuracy under this attack; None unless done.
        fresh: Accuracy on the submitted images over fresh draws, for a randomized defense.
        success: Share of the attacked images (those right on clean input) that fell.
        stored: Robust accuracy when the final images are stored as files: right on clean input, and on the final image
            after rounding to 8 bit.
        kept: Share of the images that fell that are still wrong after this rounding; None where none fell.
        bound: The perturbation used, e.g. "L∞ 8/255".
        seconds: What it took when it was computed; in no published table, since it is not a result.
        forwards, backwards: Mean passes per attacked image.
        threat: The threat-model sentence.
    """

    attack: str
    status: str
    reason: str
    robust: Estimate | None
    success: Estimate | None
    stored: Estimate | None
    kept: Estimate | None
    bound: str
    seconds: float | None
    fresh: Spread | None
    forwards: float | None
    backwards: float | None
    threat: str


@dataclass(frozen=True)
class RobustnessRow:
    """A defense on the robustness table.

    Attributes:
        defense: Its label; `description` its configuration.
        status: "ranked", "undecided", "flagged", "incomplete" or "error". Only ranked rows have a rank.
        remarks: What is missing or wrong.
        n: Evaluation images.
        clean, clean_spread: Accuracy without attack, and over fresh draws.
        attacks: One result for each attack of the suite.
        worst: Share of images right on clean input and after every attack; None where an attack failed.
        balanced: The same as a mean over classes, which ranks; None where an attack failed or a class has no image.
        classes: K; a constant answer has a balanced accuracy of 1/K.
        ranking: Its place among the ranked rows; None where it has none.
        clinical_clean, clinical_worst: At the deployed operating point; under attack every image is in its worst state.
        flags: Reliability flags.
        not_run: Flags that apply to it and were not computed.
        decision: How a randomized defense decides, in words; empty for others.
        diagnosis: What a randomized or purifying defense's number must be read with; None for others.
        threat: The row's threat-model sentence.
        forwards, backwards: Mean passes per attacked image over all attacks.
    """

    defense: str
    description: str
    source: str
    status: str
    remarks: tuple[str, ...]
    n: int
    clean: Estimate | None
    clean_spread: Spread | None
    attacks: tuple[AttackResult, ...]
    worst: Estimate | None
    balanced: Estimate | None
    classes: int
    ranking: Ranking | None
    clinical_clean: ClinicalMetrics | None
    clinical_worst: ClinicalMetrics | None
    flags: tuple[Flag, ...]
    not_run: tuple[str, ...]
    decision: str
    diagnosis: Diagnosis | None
    threat: str
    forwards: float | None
    backwards: float | None

    @property
    def above_constant(self) -> bool:
        """Whether its worst-case balanced accuracy is above that of an answer that looks at no image."""
        return self.balanced is not None and self.balanced.interval.low > 1 / self.classes

    @property
    def standing(self) -> str:
        """The status in words."""
        unearned = self.status == "ranked" and not self.above_constant
        return f"{self.status}, not above a constant answer" if unearned else self.status


@dataclass(frozen=True)
class DetectionRow:
    """A detector against an attack.

    Attributes:
        defense, attack, detector: Labels.
        trained_on: The attack whose examples the detector was fitted on.
        status, reason: As in `AttackResult`; "no credit" where what the detector finds is no attack.
        n: AdvTest images.
        success: Share of AdvTest images that the attack turns, before any detector.
        metrics: AUC, TPR and what gets through; None without a result.
        threat: The threat-model sentence.
    """

    defense: str
    attack: str
    detector: str
    trained_on: str
    status: str
    reason: str
    n: int
    success: Estimate | None
    metrics: Detection | None
    threat: str


@dataclass(frozen=True)
class TransferEntry:
    """Images crafted on one classifier, shown to another model.

    Attributes:
        source, target: Labels; where they are equal the images were crafted on the target itself.
        status, reason: As in `AttackResult`.
        n: Attacked images: those that the target gets right.
        success: Share of them that fell; None unless done and n > 0.
        threat: The threat model.
    """

    source: str
    target: str
    status: str
    reason: str
    n: int
    success: Estimate | None
    threat: ThreatModel | None

    @property
    def white_box(self) -> bool:
        """Whether the images were crafted on the target itself."""
        return self.source == self.target


@dataclass(frozen=True)
class TransferMatrix:
    """Every source against every target.

    Attributes:
        bound: The perturbation used, e.g. "L∞ 8/255".
        classifier: The suite's own classifier, which the defended targets stand on.
        sources, targets: Labels in the suite's order.
        defended: The targets that are a defense.
        entries: One for each source and target that the run has.
    """

    bound: str
    classifier: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    defended: tuple[str, ...]
    entries: tuple[TransferEntry, ...]

    def entry(self, source: str, target: str) -> TransferEntry | None:
        """The entry, or None where the run has none."""
        return next((e for e in self.entries if (e.source, e.target) == (source, target)), None)

    def images(self, target: str) -> int:
        """Attacked images of a target; 0 where no entry is done."""
        return max((e.n for e in self.entries if e.target == target), default=0)


@dataclass(frozen=True)
class SurvivalCurve:
    """Robust accuracy of a defense against the step of one attack.

    Attributes:
        defense, attack: Labels.
        bound: The perturbation used.
        n: Evaluation images.
        clean: Accuracy before the attack.
        steps: Step 0, the steps at which the accuracy changes, and the last one, counted over restarts.
        accuracy: Robust accuracy after each of them.
        followed: Whether the attack takes more than one step and says at which of them an image fell. Where it does
            not, images count as fallen at the last step.
        reason: Why there is no curve; empty where there is one.
    """

    defense: str
    attack: str
    bound: str
    n: int
    clean: float
    steps: tuple[int, ...]
    accuracy: tuple[float, ...]
    followed: bool
    reason: str = ""

    def at(self, step: int) -> float:
        """Robust accuracy after `step`, from 0."""
        return next(a for s, a in zip(reversed(self.steps), reversed(self.accuracy), strict=True) if s <= step)


@dataclass(frozen=True)
class Board:
    """All tables of a run, with what must stand above them.

    Attributes:
        reference: The constant answer on the images of the robustness table; None where there are none.
    """

    title: str
    protocol: tuple[str, ...]
    notes: tuple[str, ...]
    phantom: bool
    robustness: tuple[RobustnessRow, ...]
    detection: tuple[DetectionRow, ...]
    reference: Reference | None = None
    transfer: TransferMatrix | None = None
    survival: tuple[SurvivalCurve, ...] = ()
