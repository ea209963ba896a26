"""Flag: too few samples for the precision that the table suggests."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict
from benchmark.evaluation.intervals import clustered_wilson


class SampleSize(FlagCheck):
    """Half-width of the 95 % interval of worst-case robust accuracy."""

    id = "sample_size"
    threshold = "n ≥ 1,000 and half-width ≤ 2 percentage points"
    meaning = "Differences of a few points between rows are within the sampling error."
    source = "Carlini et al. 2019, On evaluating adversarial robustness"

    def evaluate(self, row: RowEvidence) -> Flag:
        robust = row.clean["clean_right"].astype(bool)
        for attack in row.attacks:
            robust &= attack.samples["robust"]
        half = clustered_wilson(robust.tolist(), row.clean["group"].tolist()).half_width
        n = len(robust)
        return self.flag(Verdict.PASS if n >= 1000 and half <= 0.02 else Verdict.WARN, half, n)
