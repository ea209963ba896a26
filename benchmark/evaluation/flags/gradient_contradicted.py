"""Flag: the decision does not have the slope that attacks are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.diagnoses.curvature import curvature, without_curvature
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.records.defense_record import DefenseTraits

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

IMAGES = 48
ERROR = 0.25
CORRELATION = 0.8


class GradientContradicted(MeasuredCheck):
    """Share of images on which finite differences of the decision contradict the exact gradient.

    An image counts where slope and difference differ by more than a quarter along the gradient, or correlate by less
    than 0.8 over eight random directions. A third of the images is looked at where it is, a third at a random start and
    a third where an attack ends. A defense that says it has no gradient is asked for none.
    """

    id = "gradient_contradicted"
    threshold = "at most 10 % of the images whose slope stands clear of rounding"
    meaning = "The gradient is not the decision's: attacks that follow it are led astray."
    source = "Carlini et al. 2019; Du et al. 2026 (MEFA), finite-difference check"

    def measure(self, probe: Probe) -> dict[str, Any] | None:
        import torch

        from benchmark.evaluation.flags.slopes import slopes

        gradient = claimed_gradient(probe.traits)
        if gradient is None:
            return None
        few = probe[torch.arange(min(len(probe), probe.afford(IMAGES, least=8)), device=probe.images.device)]
        points = [few.images, few.random_start(), few.attack().adversarial.to(few.images.device)]
        turn = (torch.arange(len(few), device=few.images.device) % len(points)).view(-1, 1, 1, 1)
        x = torch.where(turn == 0, points[0], torch.where(turn == 1, points[1], points[2]))
        found = slopes(few, x, gradient)
        wrong = (found.error > ERROR) | (found.correlation < CORRELATION)
        return {
            "n": len(few),
            "gradient": gradient,
            "checked": int(found.checked.sum()),
            "contradicted": int((wrong & found.checked).sum()),
            "error": float(found.error.median()),
            "correlation": float(found.correlation.median()),
            # An energy of piecewise-linear activations has an exact gradient, and it is BPDA.
            "straight": gradient == "exact" and without_curvature(curvature(few, gradient)),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        checked, wrong = measured["checked"], measured["contradicted"]
        if not checked:
            return self.not_run("could not be measured: no image has a slope that stands clear of rounding")
        facts = f"medians: off by {measured['error']:.1%}, correlation {measured['correlation']:.2f}"
        note = f"{wrong} of {checked} images contradict the gradient by {measured['gradient']}; {facts}"
        verdict = Verdict.PASS if wrong <= 0.1 * checked else Verdict.FAIL
        if verdict is Verdict.FAIL and measured["straight"] and row.by_values():
            verdict, note = Verdict.WARN, f"{note}; it has no curvature and is BPDA, and attacks on values were run"
        return self.flag(verdict, wrong / checked, checked, note)

    def evaluate(self, row: RowEvidence) -> Flag:
        if claimed_gradient(row.traits) is None:
            return self.not_applicable("the defense says that it has no gradient")
        return super().evaluate(row)


def claimed_gradient(traits: DefenseTraits) -> str | None:
    """The estimator that a defense's claims make exact; None where it claims no gradient."""
    if traits.exact_gradient:
        return "exact"
    return "autograd" if traits.differentiable else None
