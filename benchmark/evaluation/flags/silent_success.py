"""Flag: an attack succeeded on the way and submitted something else."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict


class SilentSuccess(FlagCheck):
    """Samples adversarial at some iterate and counted as robust."""

    id = "silent_success"
    threshold = "0 samples"
    meaning = "An attack passed through an adversarial image and did not submit it: robustness is overstated."
    source = "Pintor et al. 2022, Indicators of attack failure"

    def evaluate(self, row: RowEvidence) -> Flag:
        followed = [a for a in row.attacks if (a.samples["broken_at"] >= 0).any() or (a.facts.steps or 0) > 0]
        if not followed:
            return self.not_run("no attack whose iterates were seen")
        silent = sum(int(((a.samples["broken_at"] >= 0) & a.samples["robust"]).sum()) for a in followed)
        n = sum(len(a.samples) for a in followed)
        return self.flag(Verdict.PASS if silent == 0 else Verdict.FAIL, float(silent), n)
