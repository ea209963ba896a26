"""Flag: the model is random and does not say so, or is not attacked as a random model must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.answers import ROUNDING, difference
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

FORWARDS = 5
EOT_SAMPLES = 20
REPLICATES = 10


class Randomised(MeasuredCheck):
    """Largest difference between five answers to the same images, with fresh random numbers each.

    Asked of the images, of random ones in their balls and of those that an attack submits.

    The effect of the batch size on the answer is measured first and reported beside it: all five answers are to the
    same batches, so that it cannot pass for randomness.
    """

    id = "randomised"
    threshold = (
        "differences up to 1e-4 of the logits' size; declared: an EOT attack of at least 20 draws, 10 fresh decisions"
    )
    meaning = "Attacks and verdicts that see one draw overstate the robustness of a random model."
    source = "AutoAttack flags; Athalye et al. 2018b; Carlini et al. 2019"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from benchmark.core.frozen import frozen

        model, noise = probe.model, probe.noise
        with frozen(model), torch.no_grad():
            together = model.decide(probe.images, noise)
            first = probe.images[:FORWARDS], noise[:FORWARDS]
            alone = torch.cat([model.decide(first[0][i : i + 1], first[1][i : i + 1]) for i in range(len(first[0]))])
        # A model may be random only where it is attacked.
        asked = probe.images, probe.random_start(), probe.attack().adversarial.to(probe.images.device)
        answers = [[probe.decide(x, noise.stream(f"fresh {i}")) for i in range(FORWARDS)] for x in asked]
        again = [[probe.decide(x) for _ in range(2)] for x in asked]
        decided = [torch.stack([answer.argmax(1) for answer in of]) for of in answers]
        return {
            "n": len(probe),
            "batch effect": difference(together[: len(alone)], alone),
            "fresh": max(difference(of[0], answer) for of in answers for answer in of),
            "same": max(difference(*of) for of in again),
            "changed": int(torch.stack([(of != of[0]).any(0) for of in decided]).any(0).sum()),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, fresh = measured["n"], measured["fresh"]
        note = f"{measured['changed']} of {n} decisions change; batch size alone: {measured['batch effect']:.2g}"
        seen = fresh > ROUNDING or measured["changed"] > 0
        if measured["same"] > ROUNDING:
            return self.flag(
                Verdict.FAIL, max(fresh, measured["same"]), n, f"answers differ under the same random numbers; {note}"
            )
        if not row.traits.randomized:
            declared = f"random, and not declared; {note}" if seen else note
            return self.flag(Verdict.FAIL if seen else Verdict.PASS, fresh, n, declared)
        if not seen:
            return self.flag(Verdict.WARN, fresh, n, f"declared random, and no difference was seen; {note}")
        if not any(a.facts.eot_samples >= EOT_SAMPLES for a in row.informed()):
            return self.flag(Verdict.FAIL, fresh, n, f"no attack averages over {EOT_SAMPLES} draws; {note}")
        if row.replicates < REPLICATES:
            few = f"{row.replicates} fresh decisions an image, not {REPLICATES}"
            return self.flag(Verdict.WARN, fresh, n, f"{few}; {note}")
        return self.flag(Verdict.PASS, fresh, n, note)
