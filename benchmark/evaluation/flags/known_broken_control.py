"""Flag: the flags do not notice a defense that is known to be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.flags.zero_gradient import ZeroGradient

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.core.noise import Noise
    from benchmark.evaluation.flags.probe import Probe

LEVELS = 8


class KnownBrokenControl(MeasuredCheck):
    """Share of zero gradients behind a quantizer that is put before this very classifier and called differentiable.

    Rounding has no gradient, so the flag `zero_gradient` must fail.
    """

    id = "known_broken_control"
    threshold = "zero_gradient fails on a quantizer before this classifier"
    meaning = "The flags do not see a broken defense on this model, so that they say nothing of this row either."
    source = "Carlini et al. 2019, build intentionally broken models"

    def measure(self, probe: Probe) -> dict[str, Any]:
        from attacks.gradients.autograd import Autograd
        from benchmark.core.defended import DefendedModel

        quantized = DefendedModel(probe.model.classifier, purify=_quantize)
        control = probe.of(quantized, Autograd())
        return {"n": len(probe), ZeroGradient.id: ZeroGradient().measure(control)}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        raised = ZeroGradient().judge(row, measured[ZeroGradient.id])
        verdict = Verdict.PASS if raised.verdict is Verdict.FAIL else Verdict.FAIL
        return self.flag(verdict, raised.value, measured["n"], f"zero_gradient: {raised.verdict.value}, {raised.note}")


def _quantize(x: Tensor, noise: Noise) -> Tensor:
    del noise
    return (x * (LEVELS - 1)).round() / (LEVELS - 1)
