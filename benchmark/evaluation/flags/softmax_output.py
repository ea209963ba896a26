"""Flag: the classifier gives probabilities where logits are expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe


class SoftmaxOutput(MeasuredCheck):
    """How far from 1 the scores of a vote sum; raised where they are not negative and all sum to 1."""

    id = "softmax_output"
    threshold = "some score negative, or a sum further than 1e-5 from 1"
    meaning = "Objectives take these scores for logits, and their gradient vanishes where the model is sure."
    source = "AutoAttack flags"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from benchmark.core.frozen import frozen

        model = probe.model
        with frozen(model), torch.no_grad():
            scores = model.classify(model.purify(probe.images, probe.noise)).double()
        return {
            "n": len(probe),
            "smallest": float(scores.min()),
            "off": float((scores.sum(1) - 1).abs().max()),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        probabilities = measured["smallest"] >= 0 and measured["off"] <= 1e-5
        return self.flag(Verdict.WARN if probabilities else Verdict.PASS, measured["off"], measured["n"])
