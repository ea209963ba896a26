"""Flag: the clean accuracy is not the one that the defense's authors report."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict
from benchmark.evaluation.intervals import clustered_wilson


class CleanReproduced(FlagCheck):
    """Difference between the clean accuracy measured and the one claimed, over fresh draws where there are any."""

    id = "clean_reproduced"
    threshold = "within 0.05 percentage points of the claim; fail where the claim is outside the 95 % interval"
    meaning = "This is not the model of the claim: other weights, data or pre-processing."
    source = "RobustBench, test of its model zoo"

    def evaluate(self, row: RowEvidence) -> Flag:
        claim = row.claimed_accuracy
        if claim is None:
            return self.not_applicable("the suite gives no claimed_accuracy for this defense")
        accuracy = float(row.clean["fresh_right"].mean())
        interval = clustered_wilson(row.clean["clean_right"].tolist(), row.clean["group"].tolist())
        difference = abs(accuracy - claim)
        verdict = Verdict.PASS
        # Rounding of the claim as printed must not raise the flag.
        if difference > 0.0005 + 1e-9:
            verdict = Verdict.WARN if interval.low <= claim <= interval.high else Verdict.FAIL
        return self.flag(verdict, difference, len(row.clean), f"claimed {100 * claim:.4g} %")
