"""Flag: the gradient that the attacks were handed is not the slope of the model's answers."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict

FEWEST = 5
SHARE = 0.1


class ReplayedGradients(FlagCheck):
    """Share of the slopes that gradients promised the attacks which finite differences contradict by more than half.

    The differences are taken by a process that knows nothing, at points of the attacks' own paths, along the gradients
    they were given and with the random numbers held fixed. Gradients that only stand in for the true one (BPDA)
    promise nothing.
    """

    id = "replayed_gradients"
    threshold = f"at most two, or {SHARE:.0%}, of at least {FEWEST} slopes"
    meaning = "The gradient belongs to something else than the decision: attacks that follow it say nothing."
    source = "Athalye et al. 2018a, section 3.1; Du et al. 2026, MEFA"

    def evaluate(self, row: RowEvidence) -> Flag:
        if not (row.traits.differentiable or row.traits.exact_gradient):
            return self.not_applicable("the defense does not say that it has a gradient")
        found = [a.replayed for a in row.attacks if a.replayed is not None and a.replayed["slopes"] >= FEWEST]
        if not found:
            return self.not_applicable(f"fewer than {FEWEST} slopes that float32 can show")
        n = sum(replay["slopes"] for replay in found)
        # A median would let a defense lie about a third of its images.
        off = sum(replay["slopes_off"] for replay in found)
        return self.flag(Verdict.FAIL if off > max(2, SHARE * n) else Verdict.PASS, off / n, n, f"{off} of {n} slopes")
