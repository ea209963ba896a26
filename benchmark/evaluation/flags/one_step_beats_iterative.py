"""Flag: FGSM breaks images that iterative attacks do not."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, excess_verdict, paired_excess


class OneStepBeatsIterative(FlagCheck):
    """Samples broken by one-step attacks and by no iterative one of the same norm and ε."""

    id = "one_step_beats_iterative"
    threshold = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05"
    meaning = "One gradient step finds what many do not: the gradient misleads the iterative attack."
    source = "Athalye et al. 2018a, section 3.1"

    def evaluate(self, row: RowEvidence) -> Flag:
        informed = [a for a in row.where(access="gradient") if a.facts["gradient"] != "undefended"]
        single = [a for a in informed if a.facts["steps"] == 1]
        iterative = [
            a
            for a in informed
            if (a.facts["steps"] or 0) > 1
            and any((a.facts["norm"], a.facts["epsilon"]) == (s.facts["norm"], s.facts["epsilon"]) for s in single)
        ]
        if not single or not iterative:
            return self.not_run("needs a one-step and an iterative attack at the same ε")
        only, p_value = paired_excess(single, iterative)
        n = len(row.clean)
        return self.flag(excess_verdict(only, p_value, n), only / n, n, f"{only} samples")
