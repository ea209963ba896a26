"""Flag: the attack was still getting better when it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe


class IncompleteOptimisation(MeasuredCheck):
    """Share of the images still standing on which the attack was cut short.

    The running maximum of an image's margin over the steps of PGD is read in quarters. The attack was cut short where
    the image would fall within as many steps again at the pace of the last quarter, or where that quarter gained more
    than half of what a quarter gains on average: a search that has not settled.
    """

    id = "incomplete_optimisation"
    threshold = "at most 5 % of the surviving images"
    meaning = "The attack was stopped before it had converged: more steps would break more images."
    source = "Pintor et al. 2022, Indicators of attack failure, incomplete optimization; extrapolated"

    def measure(self, probe: Probe) -> dict[str, Any]:
        standing = ~probe.attack().success
        cut = int(cut_short(probe.margins()[:, standing]).sum())
        return {"n": len(probe), "standing": int(standing.sum()), "cut": cut, "steps": probe.steps}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        standing, cut = measured["standing"], measured["cut"]
        if not standing:
            return self.flag(Verdict.PASS, 0.0, measured["n"], "every image fell")
        verdict = Verdict.PASS if cut <= 0.05 * standing else Verdict.WARN
        note = f"{cut} of {standing} surviving images, {measured['steps']} steps"
        return self.flag(verdict, cut / standing, standing, note)


def cut_short(margins: Tensor) -> Tensor:
    """Which images' margins [T, N], positive where the image has fallen, were still on their way: bool [N]."""
    import torch

    best = margins.cummax(0).values
    steps = len(best)
    if steps < 4:
        return torch.ones_like(best[-1], dtype=torch.bool)
    gain = best[-1] - best[-1 - steps // 4]
    average = (best[-1] - best[0]) * (steps // 4) / (steps - 1)
    # Where the search has settled what is left is rounding.
    moving = gain > 1e-4 * (best[-1] - best[0]).abs()
    return moving & ((best[-1] + gain * steps / (steps // 4) > 0) | (gain > average / 2))
