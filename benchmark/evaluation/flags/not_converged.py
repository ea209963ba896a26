"""Flag: twice the effort breaks more images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe


class NotConverged(MeasuredCheck):
    """Share of the images that only twice the steps, or a second random start, breaks."""

    id = "not_converged"
    threshold = "at most 0.5 % (or one image), and McNemar p ≥ 0.05"
    meaning = "A little more effort breaks more images: the number depends on the attacker's patience."
    source = "Carlini et al. 2019, verify that attacks have converged"

    def measure(self, probe: Probe) -> dict[str, Any]:
        standing = (~probe.attack().success).nonzero().flatten().to(probe.images.device)
        falls = {f"{2 * probe.steps} steps": 0, "a second start": 0}
        if len(standing):
            left = probe[standing]
            again = left.on(left.images, left.labels, left.noise.stream("again"))
            outcomes = left.attack(steps=2 * probe.steps), again.attack()
            falls = {name: int(outcome.success.sum()) for name, outcome in zip(falls, outcomes, strict=True)}
        return {"n": len(probe), "steps": probe.steps, "falls": falls}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, falls = measured["n"], measured["falls"]
        worst = max(falls.values())
        # Nothing can be lost, so that the exact McNemar p of k more is 2⁻ᵏ.
        verdict = Verdict.WARN if worst > max(1, 0.005 * n) or 0.5**worst < 0.05 else Verdict.PASS
        note = ", ".join(f"{fall} more broken by {name}" for name, fall in falls.items())
        return self.flag(verdict, worst / n, n, f"{note}, against {measured['steps']} steps")
