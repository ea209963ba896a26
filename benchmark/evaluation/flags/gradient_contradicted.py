"""Flag: the decision does not have the slope that attacks are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.diagnoses.curvature import curvature, without_curvature
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.records.defense_record import DefenseTraits

if TYPE_CHECKING:
    from torch import Tensor

    from attacks.gradients.base import GradientEstimator
    from benchmark.evaluation.flags.probe import Probe
    from benchmark.evaluation.flags.slopes import Slopes

IMAGES = 48
MOST = 0.1
ERROR = 0.25
CORRELATION = 0.8


class GradientContradicted(MeasuredCheck):
    """Share of images on which finite differences of the decision contradict the exact gradient.

    An image counts where slope and difference differ by more than a quarter along the gradient or along its signs, or
    correlate by less than 0.8 over eight random directions. A third of the images is looked at where it is, a third
    at a random start and a third where an attack ends. Where too many contradict, a second look counts as much, with
    pixels moved at random by up to half of the allowed perturbation: a median or a maximum has no slope where pixels
    of an 8-bit file are equal, and one as soon as they are not. Where a purifier has no gradient, the classifier
    behind it is asked, at purified images.
    """

    id = "gradient_contradicted"
    threshold = "at most 10 % of the images whose slope stands clear of rounding"
    meaning = "The gradient is not the decision's: attacks that follow it are led astray."
    source = "Carlini et al. 2019; Du et al. 2026 (MEFA), finite-difference check"

    def measure(self, probe: Probe) -> dict[str, Any] | None:
        import torch

        from attacks.gradients.autograd import Autograd
        from benchmark.core.defended import DefendedModel

        gradient = claimed_gradient(probe.traits)
        if gradient is None and not probe.traits.purifier:
            return None
        few = probe[torch.arange(min(len(probe), probe.afford(IMAGES, least=8)), device=probe.images.device)]
        points = [few.images, few.random_start(), few.attack().adversarial.to(few.images.device)]
        turn = (torch.arange(len(few), device=few.images.device) % len(points)).view(-1, 1, 1, 1)
        x = torch.where(turn == 0, points[0], torch.where(turn == 1, points[1], points[2]))
        if gradient is None:
            x = torch.cat(few.batch_size.map(len(few), lambda rows: _purified(few, x[rows], rows)))
            few = few.of(DefendedModel(few.model.classifier), Autograd())
        found, wrong = _contradicted(few, x, gradient or Autograd())
        contradicted = int((wrong & found.checked).sum())
        if contradicted > MOST * int(found.checked.sum()):
            beside, also = _contradicted(few, _moved(few, x), gradient or Autograd())
            # Not in place of the first: whoever is honest about such images alone is told by the others. Rounded up.
            contradicted = (contradicted + int((also & beside.checked).sum()) + 1) // 2
        return {
            "n": len(few),
            "gradient": gradient.name if gradient else "autograd, of the classifier alone",
            "checked": int(found.checked.sum()),
            "contradicted": contradicted,
            "error": float(found.error.median()),
            "correlation": float(found.correlation.median()),
            # An energy of piecewise-linear activations has an exact gradient, and it is BPDA.
            "straight": gradient is not None
            and probe.traits.exact_gradient
            and without_curvature(curvature(few, gradient)),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        checked, wrong = measured["checked"], measured["contradicted"]
        if not checked:
            return self.not_run("could not be measured: no image has a slope that stands clear of rounding")
        facts = f"medians: off by {measured['error']:.1%}, correlation {measured['correlation']:.2f}"
        note = f"{wrong} of {checked} images contradict the gradient by {measured['gradient']}; {facts}"
        verdict = Verdict.PASS if wrong <= MOST * checked else Verdict.FAIL
        if verdict is Verdict.FAIL and measured["straight"] and row.by_values():
            verdict, note = Verdict.WARN, f"{note}; it has no curvature and is BPDA, and attacks on values were run"
        return self.flag(verdict, wrong / checked, checked, note)

    def evaluate(self, row: RowEvidence) -> Flag:
        if not (row.traits.exact_gradient or row.traits.differentiable or row.traits.purifier):
            return self.not_applicable("the defense says that it has no gradient")
        return super().evaluate(row)


def _contradicted(probe: Probe, x: Tensor, gradient: GradientEstimator) -> tuple[Slopes, Tensor]:
    """What finite differences say at `x`, and where they contradict the gradient: [N]."""
    from benchmark.evaluation.flags.slopes import slopes

    found = slopes(probe, x, gradient)
    return found, (found.error > ERROR) | (found.correlation < CORRELATION)


def _moved(probe: Probe, x: Tensor) -> Tensor:
    """Images whose pixels are all others, inwards where they are black or white."""
    from benchmark.core.threat import Norm

    size = x[0].numel()
    reach = probe.epsilon / 2 if probe.norm is Norm.LINF else probe.epsilon / (2 * size**0.5)
    by = reach * probe.noise.stream("moved").uniform(x.shape[1:])
    return x + by * (1 - 2 * (x > 0.5).to(x.dtype))


def _purified(probe: Probe, x: Tensor, rows: slice) -> Tensor:
    import torch

    from benchmark.core.frozen import frozen

    with frozen(probe.model), torch.no_grad():
        return probe.model.purify(x, probe.noise[rows]).clone()


def claimed_gradient(traits: DefenseTraits) -> GradientEstimator | None:
    """The estimator that a defense's claims make exact; None where it claims no gradient."""
    from attacks.gradients.automatic import best

    estimator = best(traits.model_dump())
    return estimator() if estimator.exact else None
