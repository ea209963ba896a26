"""Flag: the gradient that the attacks were handed is not the slope of the model's answers."""

from __future__ import annotations

from statistics import median

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict

FEWEST = 5
LARGEST = 0.5


class ReplayedGradients(FlagCheck):
    """Median relative error of the slopes that gradients promised the attacks, against finite differences.

    The differences are taken by a process that knows nothing, at points of the attacks' own paths, along the gradients
    they were given and with the random numbers held fixed. Gradients that only stand in for the true one (BPDA)
    promise nothing.
    """

    id = "replayed_gradients"
    threshold = f"at most {LARGEST:.0%} off, over at least {FEWEST} slopes"
    meaning = "The gradient belongs to something else than the decision: attacks that follow it say nothing."
    source = "Athalye et al. 2018a, section 3.1; Du et al. 2026, MEFA"

    def evaluate(self, row: RowEvidence) -> Flag:
        if not row.traits["differentiable"]:
            return self.not_applicable("the defense does not say that it is differentiable")
        found = [a.replayed for a in row.attacks if a.replayed is not None and a.replayed["slopes"] >= FEWEST]
        if not found:
            return self.not_applicable(f"fewer than {FEWEST} slopes that float32 can show")
        error = median(replay["slope_error"] for replay in found)
        n = sum(replay["slopes"] for replay in found)
        return self.flag(Verdict.FAIL if error > LARGEST else Verdict.PASS, error, n)
