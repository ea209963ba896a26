"""Flag: the objective changes wildly within a step, so that its gradient points nowhere in particular."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe

POINTS = 100
SIDE = 8 / 255


class UnstableLandscape(MeasuredCheck):
    """Mean relative change of the margin, at most 1 each, over 100 random points near each image.

    Fewer points where one decision is dear. They are uniform in a cube of side 8/255 around the image; the model's
    random draws are held fixed. The margin is taken rather than cross-entropy, whose relative change is large for every
    image that is classified with confidence.
    """

    id = "unstable_landscape"
    threshold = "at most 0.1"
    meaning = "The model is noisy at the scale of a step, so single gradients mislead the attack."
    source = "Pintor et al. 2022, Indicators of attack failure, unstable predictions"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from attacks.objectives.aim import Aim

        def margin(x: Tensor) -> Tensor:
            return Aim(probe.labels).margin(probe.decide(x))

        noise, shape = probe.noise.stream("cube"), probe.images.shape[1:]
        own = margin(probe.images)
        change, points = torch.zeros_like(own), probe.afford(POINTS, least=10)
        for point in range(points):
            beside = (probe.images + SIDE * (noise.at(point).uniform(shape) - 0.5)).clamp(0, 1)
            # Where the margin is 0, any change is a large one.
            change += ((margin(beside) - own).abs() / own.abs().clamp_min(1e-12)).clamp(max=1)
        return {"n": len(probe), "change": float(change.double().mean() / points)}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        verdict = Verdict.PASS if measured["change"] <= 0.1 else Verdict.WARN
        return self.flag(verdict, measured["change"], measured["n"])
