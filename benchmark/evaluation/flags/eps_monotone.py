"""Flag: a larger ε leaves more images standing, or the largest leaves too many."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.intervals import mcnemar

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

FACTORS = (0.5, 1.0, 2.0, 4.0)
"""The curve's ε as multiples of the row's; the largest possible ε comes last."""


class EpsMonotone(MeasuredCheck):
    """How much robust accuracy rises anywhere on the curve over ε, each ε attacked by itself."""

    id = "eps_monotone"
    threshold = (
        "rises by fewer than max(2 samples, 0.2 %), fail at McNemar p < 0.05; at most chance at the end of the curve"
    )
    meaning = "A larger set of images is attacked worse: the search gets stuck, so its numbers are too good."
    source = "Carlini et al. 2019; Athalye et al. 2018a, section 3.1"

    def measure(self, probe: Probe) -> dict[str, Any]:
        scales = [f * probe.epsilon for f in FACTORS if f * probe.epsilon < probe.largest_epsilon]
        curve = [probe.attack(epsilon=e, steps=probe.enough_steps).success.tolist() for e in scales]
        curve.append(probe.unbounded().success.tolist())
        rises = [(sum(smaller) - sum(larger), mcnemar(smaller, larger)) for smaller, larger in combinations(curve, 2)]
        rise, p_value = max(rises, key=lambda r: r[0])
        return {
            "n": len(probe),
            "epsilon": [*scales, probe.largest_epsilon],
            "standing": [len(probe) - sum(broken) for broken in curve],
            "rise": rise,
            "p": p_value,
            "classes": probe.decide(probe.images[:1], probe.noise[:1]).shape[1],
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, rise, standing = measured["n"], measured["rise"], measured["standing"]
        verdict = Verdict.PASS
        if rise >= max(2, 0.002 * n):
            verdict = Verdict.FAIL if measured["p"] < 0.05 else Verdict.WARN
        # Rounded up, because the images probed are few.
        if standing[-1] > -(-n // measured["classes"]):
            verdict = Verdict.FAIL
        curve = ", ".join(f"{s / n:.0%} at {e:.3g}" for e, s in zip(measured["epsilon"], standing, strict=True))
        return self.flag(verdict, max(rise, 0) / n, n, f"standing: {curve}")
