"""Flag: FGSM breaks images that iterative attacks do not."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence


class OneStepBeatsIterative(FlagCheck):
    """Samples broken by one-step attacks and by no iterative one of the same norm and ε."""

    id = "one_step_beats_iterative"
    threshold = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05"
    meaning = "One gradient step finds what many do not: the gradient misleads the iterative attack."
    source = "Athalye et al. 2018a, section 3.1"

    def evaluate(self, row: RowEvidence) -> Flag:
        single = [a for a in row.by_gradient() if a.facts["steps"] == 1]
        iterative = [a for a in row.by_gradient() if (a.facts["steps"] or 0) > 1]
        return self.excess(row, single, iterative, "a one-step and an iterative attack")
