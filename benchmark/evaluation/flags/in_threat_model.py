"""Flag: every submitted image respects the bound."""

from __future__ import annotations

from benchmark.core.threat import Norm
from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict


class InThreatModel(FlagCheck):
    """Largest excess over ε among all submitted images."""

    id = "in_threat_model"
    threshold = "no image beyond ε (1 + 1e-5) + 1e-6"
    meaning = "An image left the allowed set, so the number belongs to another threat model."
    source = "AutoAttack flags; RobustBench submission checks"

    def evaluate(self, row: RowEvidence) -> Flag:
        measured = [a for a in row.attacks if a.facts.norm in (Norm.LINF, Norm.L2)]
        if not measured:
            return self.not_applicable("no attack measured in L∞ or L2")
        excess = max(float(a.samples[a.facts.norm.value].max()) - a.facts.epsilon.value * (1 + 1e-5) for a in measured)
        verdict = Verdict.PASS if excess <= 1e-6 else Verdict.FAIL
        return self.flag(verdict, max(excess, 0.0), sum(len(a.samples) for a in measured))
