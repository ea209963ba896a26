"""Flags that compare two kinds of attack image by image: what the weaker one breaks and the stronger one does not."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark.core.threat import Norm
from benchmark.evaluation.flags.base import AttackEvidence, Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.sign_test import sign_test

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe

THRESHOLD = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05, undecided up to 0.35 and 2 points"
_DOUBT = 0.35
_NEGLIGIBLE = 0.02
"""A share of the images whose loss would change no conclusion."""


@dataclass(frozen=True)
class Excess:
    """How two kinds of attack differ on the same images.

    Attributes:
        weak, strong: Images that only the one, or only the other, breaks.
        n: Images compared.
    """

    weak: int
    strong: int
    n: int

    @property
    def p_value(self) -> float:
        """Exact one-sided McNemar p that the weaker attack does not break more."""
        return sign_test(self.weak, self.strong)

    @property
    def verdict(self) -> Verdict:
        """Raised when max(2, 0.2 %) images or more fall to the weaker attack alone; a failure where significant.

        Undecided where it may yet become one: p is small, and as many as 2 % of all images may be such.
        """
        if self.weak < max(2, 0.002 * self.n):
            return Verdict.PASS
        if self.p_value < 0.05:
            return Verdict.FAIL
        return Verdict.UNDECIDED if self._open else Verdict.WARN

    @property
    def _open(self) -> bool:
        from benchmark.evaluation.intervals import wilson

        return self.p_value < _DOUBT and wilson(self.weak, self.n, confidence=0.9).high > _NEGLIGIBLE

    def enough(self) -> int:
        """Images at which the same shares would no longer leave it undecided, in steps of a quarter of today's."""
        quarters = 4
        while quarters < 400:
            more = Excess(self.weak * quarters // 4, self.strong * quarters // 4, self.n * quarters // 4)
            if more.verdict is not Verdict.UNDECIDED:
                break
            quarters += 1
        return -(-self.n * quarters // 4)


class PairedCheck(MeasuredCheck):
    """A flag raised by images that weak attacks break and no gradient attack of the same norm and ε does.

    It rests on the row's own attacks. Where the suite lacks one side, the probe tries both on its images.
    """

    threshold = THRESHOLD

    @abstractmethod
    def weak(self, row: RowEvidence) -> list[AttackEvidence]:
        """The row's weaker attacks."""
        raise NotImplementedError

    def strong(self, row: RowEvidence) -> list[AttackEvidence]:
        """The row's attacks that ought to break whatever those do."""
        return row.by_gradient()

    @abstractmethod
    def attempt(self, probe: Probe) -> Tensor:
        """Which of the probe's images a weaker attack breaks: bool [N], on the CPU."""
        raise NotImplementedError

    def measure(self, probe: Probe) -> dict[str, Any]:
        strong = probe.attack().success
        standing = (~strong).nonzero().flatten()
        weak = strong.clone()
        if len(standing):
            weak[standing] = self.attempt(probe[standing.to(probe.images.device)])
        only = int((weak & ~strong).sum())
        # What falls to both plays a part only where there is something to weigh it against.
        fallen = strong.nonzero().flatten()
        both = int(self.attempt(probe[fallen.to(probe.images.device)]).sum()) if only >= 2 and len(fallen) else 0
        return {"n": len(probe), "weak": only, "strong": len(fallen) - both}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        return self._judged(Excess(measured["weak"], measured["strong"], measured["n"]), " that the probe tried")

    def evaluate(self, row: RowEvidence) -> Flag:
        found = paired_excess(self.weak(row), self.strong(row), len(row.clean))
        return super().evaluate(row) if found is None else self._judged(found, "")

    def _judged(self, excess: Excess, where: str) -> Flag:
        note = f"{excess.weak} of {excess.n} samples{where}, against {excess.strong} the other way"
        if excess.verdict is Verdict.UNDECIDED:
            note += f"; {excess.enough()} images would tell"
        return self.flag(excess.verdict, excess.weak / excess.n, excess.n, note)


def broken(attacks: list[AttackEvidence]) -> pd.Series:
    """Which samples, right on clean input, at least one of `attacks` broke: bool, in the order of the records."""
    first = attacks[0].samples
    union = pd.Series(False, index=first.index)
    for attack in attacks:
        union |= attack.samples["clean_right"] & ~attack.samples["robust"]
    return union


def paired_excess(weak: list[AttackEvidence], strong: list[AttackEvidence], n: int) -> Excess | None:
    """What only `weak` breaks of `n` images.

    Attacks are compared only where they may submit the same images: `strong` at the norm of `weak` and at its ε or a
    smaller one. Of several ε the one with the most samples counts. None where nothing can be compared.
    """
    found = []
    for norm, epsilon in dict.fromkeys(_allowed(a) for a in weak):
        if all(_allowed(a) != (norm, epsilon) for a in strong):
            continue
        rivals = [a for a in strong if _allowed(a)[0] == norm and _allowed(a)[1] <= epsilon]
        weaker, stronger = broken([a for a in weak if _allowed(a) == (norm, epsilon)]), broken(rivals)
        found.append(Excess(int((weaker & ~stronger).sum()), int((stronger & ~weaker).sum()), n))
    return max(found, key=lambda f: f.weak, default=None)


def _allowed(attack: AttackEvidence) -> tuple[str, float]:
    """Family of the allowed perturbations with the goal, and ε; rotations and smooth flows are both spatial."""
    facts = attack.facts
    family = facts.allowed if facts.norm is Norm.SPATIAL else facts.norm.value
    return f"{family}, {facts.goal}", facts.epsilon.value
