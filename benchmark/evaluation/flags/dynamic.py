"""Flag: the model computes gradients while classifying and does not say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe


class Dynamic(MeasuredCheck):
    """Calls of autograd during one decision."""

    id = "dynamic"
    threshold = "0 unless declared (gradient_at_inference)"
    meaning = "The model optimises at test time: attacks must differentiate through that, or adapt to it."
    source = "AutoAttack flags; Croce et al. 2022"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from benchmark.core.frozen import frozen
        from benchmark.evaluation.flags.autograd_calls import counting_autograd

        with frozen(probe.model), torch.no_grad(), counting_autograd() as calls:
            probe.model.decide(probe.images, probe.noise)
        return {"n": len(probe), "calls": calls.count}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        calls, n = measured["calls"], measured["n"]
        declared = row.traits.gradient_at_inference
        verdict, note = Verdict.PASS, "declared" if declared else ""
        if calls and not declared:
            verdict, note = Verdict.FAIL, "autograd is called, and this is not declared"
        elif declared and not calls:
            verdict, note = Verdict.WARN, "declared, and autograd is not called"
        return self.flag(verdict, float(calls), n, note)
