"""Flag: the answer depends on who asks, or how."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.answers import ROUNDING, difference
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe


class AskerDependence(MeasuredCheck):
    """Largest difference between a decision and the same one asked for in another way, under the same random numbers.

    With gradients recorded, in inference mode, in double precision, from the model's parts, and as the row's attacks
    ask. A model that refuses inference mode or double precision, as one that calls autograd or holds float32 weights
    must, is not asked in that way.
    """

    id = "asker_dependence"
    threshold = "differences up to 1e-4 of the logits' size"
    meaning = "Attacks are answered by another model than the one that is judged."
    source = "Athalye et al. 2018a, section 3.1; Carlini et al. 2019"

    def measure(self, probe: Probe) -> dict[str, Any]:
        worst: dict[str, float] = {}
        for x in (probe.images, probe.random_start()):
            for way, apart in _ways(probe, x).items():
                worst[way] = max(worst.get(way, 0.0), apart)
        return {"n": len(probe), "apart": worst}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        apart = measured["apart"]
        worst = max(apart.values())
        note = ", ".join(f"{way}: {value:.2g}" for way, value in apart.items())
        return self.flag(Verdict.PASS if worst <= ROUNDING else Verdict.FAIL, worst, measured["n"], note)


def _ways(probe: Probe, x: Tensor) -> dict[str, float]:
    import torch

    from attacks.objectives.aim import Aim
    from attacks.objectives.margin import Margin
    from benchmark.core.frozen import frozen
    from benchmark.evaluation.flags.slopes import mean_logits

    model, noise, aim = probe.model, probe.noise, Aim(probe.labels)
    votes = model.votes if model.randomized else 1

    def parts(x: Tensor) -> Tensor:
        copies = model.purify(x.repeat_interleave(votes, 0), noise.repeat(votes))
        return model.combine(model.classify(copies).unflatten(0, (len(x), votes)))

    def recorded(x: Tensor) -> Tensor:
        with torch.enable_grad():
            return model.decide(x.detach().requires_grad_(), noise).detach()

    def inferred(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return model.decide(x, noise).clone()

    def double(x: Tensor) -> Tensor:
        return model.decide(x.double(), noise)

    with frozen(model), torch.no_grad():
        answer, logits = model.decide(x, noise), mean_logits(model, x, noise)
        asked = probe.estimator.averaging(votes)(model, Margin(), x, aim, noise).logits
        apart = {
            "as an attack": difference(logits, asked),
            "from the parts": difference(answer, parts(x)),
            "gradients recorded": difference(answer, recorded(x)),
        }
        optional: dict[str, Callable[[Tensor], Tensor]] = {"inference mode": inferred, "double precision": double}
        for way, ask in optional.items():
            try:
                found = ask(x)
            except RuntimeError:
                continue
            apart[way] = difference(answer, found)
    return apart
