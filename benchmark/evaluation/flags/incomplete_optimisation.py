"""Flag: the attack was still getting better when it ended."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks.base import Stop
from attacks.iterative import State
from attacks.objectives import Margin
from attacks.pgd import PGD
from attacks.victim import Victim
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.flags.probe import Probe
from benchmark.noise import Noise

LAST = 10


class TracedPGD(PGD):
    """PGD that keeps the objective's value at every step, without a name of its own so that no suite can ask for it."""

    def __init__(self, *, steps: int) -> None:
        super().__init__(steps=steps)
        self.trace: list[Tensor] = []
        """One tensor [B] for each step; rows stay in place only with `Stop.NEVER`, one batch and one restart."""

    def step(self, victim: Victim, state: State, noise: Noise) -> State:
        following = super().step(victim, state, noise)
        assert victim.observed is not None
        self.trace.append(victim.aim.margin(victim.observed.logits))
        return following


class IncompleteOptimisation(MeasuredCheck):
    """Share of the images still standing on which the objective gained more than 5 % of its range at the very end.

    Each image's margin over the steps of PGD is scaled to [0, 1]; its running maximum may rise by 0.05 over the last
    10 steps, or over all where there are fewer.
    """

    id = "incomplete_optimisation"
    threshold = "at most 5 % of the surviving images"
    meaning = "The attack was stopped before it had converged: more steps would break more images."
    source = "Pintor et al. 2022, Indicators of attack failure, incomplete optimization"

    def measure(self, probe: Probe) -> dict[str, Any]:
        standing = (~probe.attack().success).nonzero().flatten().to(probe.images.device)
        rising = 0
        if len(standing):
            left = probe[standing]
            rising = sum(probe.batch_size.map(len(left), lambda rows: _rising(left, rows)))
        return {"n": len(probe), "standing": len(standing), "rising": rising, "steps": probe.steps}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        standing, rising = measured["standing"], measured["rising"]
        if not standing:
            return self.flag(Verdict.PASS, 0.0, measured["n"], "every image fell")
        verdict = Verdict.PASS if rising <= 0.05 * standing else Verdict.WARN
        note = f"{rising} of {standing} surviving images, {measured['steps']} steps"
        return self.flag(verdict, rising / standing, standing, note)


def still_rising(values: Tensor) -> Tensor:
    """Which images' objective [T, N], scaled to [0, 1], has a running maximum that still rose by 0.05: bool [N]."""
    low, high = values.amin(0), values.amax(0)
    best = ((values - low) / (high - low).clamp_min(1e-12)).cummax(0).values
    return best[-1] - best[-min(LAST, len(best))] > 0.05


def _rising(probe: Probe, rows: slice) -> int:
    attack = TracedPGD(steps=probe.steps)
    probe.run_batch(attack, Margin(), rows, probe.epsilon, Stop.NEVER)
    return int(still_rising(torch.stack(attack.trace)).sum())
