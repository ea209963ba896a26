"""Flag: an attack that may submit any image at all still fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe


class UnboundedFails(MeasuredCheck):
    """Share of images that PGD on the margin leaves standing at an ε that allows every image."""

    id = "unbounded_fails"
    threshold = "at most 1 % left standing at ε = 1 (L∞), √d (L2)"
    meaning = "The attack cannot even find images of another class: it is the attack that fails."
    source = "Carlini et al. 2019; Pintor et al. 2022, unconstrained attack failure"

    def measure(self, probe: Probe) -> dict[str, Any]:
        return {"n": len(probe), "standing": int((~probe.unbounded().success).sum())}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, standing = measured["n"], measured["standing"]
        verdict = Verdict.PASS if standing <= 0.01 * n else Verdict.FAIL
        return self.flag(verdict, standing / n, n, f"{standing} of {n} images")
