"""Flag: twice the effort breaks more images."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.flags.probe import Probe
from benchmark.evaluation.intervals import mcnemar


class NotConverged(MeasuredCheck):
    """How much robust accuracy falls when the steps, or the restarts, are doubled."""

    id = "not_converged"
    threshold = "falls by at most 0.5 points (or by one image), and McNemar p ≥ 0.05"
    meaning = "A little more effort breaks more images: the number depends on the attacker's patience."
    source = "Carlini et al. 2019, verify that attacks have converged"

    def measure(self, probe: Probe) -> dict[str, Any]:
        base = probe.attack().success.tolist()
        more = {
            f"{2 * probe.steps} steps": probe.attack(steps=2 * probe.steps),
            "2 restarts": probe.attack(restarts=2),
        }
        falls = {name: sum(outcome.success.tolist()) - sum(base) for name, outcome in more.items()}
        p_values = {name: mcnemar(outcome.success.tolist(), base) for name, outcome in more.items()}
        return {"n": len(probe), "steps": probe.steps, "falls": falls, "p": p_values}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, falls = measured["n"], measured["falls"]
        raised = max(falls.values()) > max(1, 0.005 * n) or min(measured["p"].values()) < 0.05
        note = ", ".join(f"{fall:+d} broken by {name}" for name, fall in falls.items())
        verdict = Verdict.WARN if raised else Verdict.PASS
        return self.flag(verdict, max(*falls.values(), 0) / n, n, f"{note}, against {measured['steps']} steps")
