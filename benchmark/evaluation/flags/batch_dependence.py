"""Flag: an image's answer depends on the images beside it, or on those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.answers import ROUNDING, difference
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

ALONE = 8
"""Images that are also shown one at a time."""


class BatchDependence(MeasuredCheck):
    """Largest difference between answers to an image alone, among others, and among the same in another order.

    The random numbers of an image are the same each time.
    """

    id = "batch_dependence"
    threshold = "differences up to 1e-4 of the logits' size"
    meaning = "A result depends on who else is in the batch: an attack on one image attacks another model."
    source = "Carlini et al. 2019; batch normalisation in training mode"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from benchmark.core.frozen import frozen

        model, images, noise = probe.model, probe.images, probe.noise
        order = torch.arange(len(probe), device=images.device).flip(0)
        count = min(ALONE, len(probe))
        with frozen(model), torch.no_grad():
            together = model.decide(images, noise)
            permuted = model.decide(images[order], noise[order])[order]
            alone = torch.cat([model.decide(images[i : i + 1], noise[i : i + 1]) for i in range(count)])
        return {
            "n": len(probe),
            "alone": difference(together[:count], alone),
            "permuted": difference(together, permuted),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        worst = max(measured["alone"], measured["permuted"])
        note = f"alone: {measured['alone']:.2g}, in another order: {measured['permuted']:.2g}"
        return self.flag(Verdict.PASS if worst <= ROUNDING else Verdict.FAIL, worst, measured["n"], note)
