"""What the transfer matrix holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.core.threat import ThreatModel
from benchmark.evaluation.intervals import Estimate


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
