"""What a row of the robustness table holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.clinical import ClinicalMetrics
from benchmark.evaluation.flags.base import Flag
from benchmark.evaluation.intervals import Estimate
from leaderboard.diagnosis.schema import Diagnosis
from leaderboard.ranking.ranks import Ranking


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
        gradient: How it differentiates through the defense, for a white-box attack that takes the defense into account;
            empty for others.
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
    gradient: str


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
