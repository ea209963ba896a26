"""Flag: the attack's gradient is zero, not a number, or not to be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from attacks.objectives.base import Objective
    from benchmark.evaluation.flags.probe import Probe

UNAVAILABLE = "unavailable"


class ZeroGradient(MeasuredCheck):
    """Share of images whose gradient is zero in every pixel, for two objectives, at the image and at a random start.

    The gradient is the one that the row's white-box attacks follow: exact where the defense says that it is
    differentiable, through BPDA where it says that it is not.
    """

    id = "zero_gradient"
    threshold = "at most 1 % zero, none NaN or infinite; fail where cross-entropy and margin are both beyond"
    meaning = "The attack has no direction to follow: a failure to break the model says nothing."
    source = "Athalye et al. 2018a, section 3.1; AutoAttack flags; Carlini et al. 2019"

    def measure(self, probe: Probe) -> dict[str, Any]:
        import torch

        from attacks.gradients.base import UnavailableGradientError
        from attacks.objectives.cross_entropy import CrossEntropy
        from attacks.objectives.margin import Margin

        points = {"image": probe.images, "random start": probe.random_start()}
        objectives: tuple[Objective, ...] = (CrossEntropy(), Margin())
        measured: dict[str, Any] = {"n": len(probe), "zero": {}, "not finite": 0}
        for objective in objectives:
            zero = {}
            for point, x in points.items():
                try:
                    gradient = torch.cat(
                        probe.batch_size.map(len(x), lambda r, x=x, o=objective: _gradient(probe, o, x, r))  # type: ignore[misc]
                    )
                except UnavailableGradientError as error:
                    return {"n": len(probe), UNAVAILABLE: str(error)}
                finite = gradient.isfinite().all(1)
                measured["not finite"] += int((~finite).sum())
                zero[point] = int((finite & (gradient == 0).all(1)).sum())
            measured["zero"][objective.name] = zero
        return measured

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n = measured["n"]
        if UNAVAILABLE in measured:
            return self.flag(Verdict.FAIL, 1.0, n, f"unavailable gradient: {measured[UNAVAILABLE]}")
        share = {name: max(zero.values()) / n for name, zero in measured["zero"].items()}
        raised = [name for name, value in share.items() if value > 0.01]
        note = ", ".join(f"{value:.1%} zero on {name}" for name, value in share.items())
        if measured["not finite"]:
            return self.flag(Verdict.FAIL, max(share.values()), n, f"{measured['not finite']} not finite; {note}")
        if raised == ["cross-entropy"]:
            note = f"saturated scores, use the margin: {note}"
        verdict = (Verdict.PASS, Verdict.WARN, Verdict.FAIL)[len(raised)]
        return self.flag(verdict, max(share.values()), n, note)


def _gradient(probe: Probe, objective: Objective, x: Tensor, rows: slice) -> Tensor:
    """Gradient as it is, before attacks replace what is not finite: [B, pixels]."""
    import torch

    from attacks.gradients.base import UnavailableGradientError
    from attacks.objectives.aim import Aim
    from benchmark.core.batching import is_out_of_memory
    from benchmark.core.frozen import frozen

    images, noise = x[rows], probe.noise[rows].stream("gradient")
    estimator = probe.estimator
    draws = estimator.draws
    with frozen(probe.model), torch.enable_grad():
        try:
            leaf, purified = estimator.link(probe.model, images.repeat_interleave(draws, 0), noise.repeat(draws))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            # Such as a purifier that leaves torch for numpy or for bytes.
            raise UnavailableGradientError(str(error).split("\n")[0]) from error
        logits = probe.model.classify(purified).unflatten(0, (len(images), draws)).mean(1)
        value = objective(logits, None, Aim(probe.labels[rows]))
        if not value.requires_grad:
            raise UnavailableGradientError("autograd does not reach the image")
        (gradient,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
    if gradient is None:
        raise UnavailableGradientError("autograd does not reach the image")
    return gradient.unflatten(0, (len(images), draws)).sum(1).flatten(1)
