"""Whether the exact gradient through a purifier is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from attacks.gradients.base import Ascent, GradientEstimator
    from benchmark.evaluation.flags.probe import Probe

STEP = 0.02
"""Length of the finite difference's step, in L2 over the image: a difference of float32 margins that stands clear of
their rounding, on pixels that move by less than a thousandth."""

NO_CURVATURE = 1e-6
AGREEMENT = 0.1


def curvature(probe: Probe, gradient: GradientEstimator) -> dict[str, Any]:
    """The exact gradient of the margin beside a finite difference of the same chain, its noise fixed, and beside BPDA.

    All three slopes are taken along the direction that BPDA climbs. An energy of piecewise-linear activations has no
    curvature: its exact gradient is BPDA, bit for bit, and confirms nothing (Du et al. 2026, MEFA).

    Args:
        probe: The model and its images.
        gradient: The exact gradient that the defense offers.

    Returns:
        n: Images on which either the exact gradient or the chain has a slope along that direction.
        curvature: Median of ‖exact − BPDA‖ / ‖BPDA‖ over the pixels whose exact gradient is not zero, since clipping
        alone makes zeros.
        cosine: Median of the two gradients' cosine.
        exact_error, bpda_error: Medians of |slope − finite difference| over the larger of the two, in [0, 2]; 1 where
        the chain does not move at all.
    """
    import torch

    parts = probe.batch_size.map(len(probe), lambda rows: _slopes(probe, gradient, rows))
    apart, cosine, exact, bpda, difference = torch.cat(parts, 1)
    felt = (exact != 0) | (difference != 0)
    if not bool(felt.any()):
        return {"n": 0}

    def median(values: Tensor) -> float:
        return float(values[felt].double().median())

    return {
        "n": int(felt.sum()),
        "curvature": median(apart),
        "cosine": median(cosine),
        "exact_error": median(_error(exact, difference)),
        "bpda_error": median(_error(bpda, difference)),
    }


def _error(slope: Tensor, difference: Tensor) -> Tensor:
    return (slope - difference).abs() / slope.abs().maximum(difference.abs()).clamp_min(1e-30)


def without_curvature(measured: dict[str, Any]) -> bool:
    """Whether the exact gradient is BPDA."""
    return bool(measured["n"]) and measured["curvature"] < NO_CURVATURE


def confirmed(measured: dict[str, Any]) -> bool:
    """Whether finite differences confirm the exact gradient."""
    return bool(measured["n"]) and measured["exact_error"] <= AGREEMENT


def _slopes(probe: Probe, gradient: GradientEstimator, rows: slice) -> Tensor:
    """Per image: curvature, cosine, and the slopes of exact, BPDA and the finite difference: [5, B]."""
    import torch

    from attacks.gradients.bpda import BPDA
    from attacks.objectives.aim import Aim
    from attacks.objectives.margin import Margin
    from benchmark.core.frozen import frozen

    x, aim, noise = probe.images[rows], Aim(probe.labels[rows]), probe.noise[rows].stream("curvature")

    def ask(estimator: GradientEstimator, at: Tensor) -> Ascent:
        with frozen(probe.model):
            return estimator.averaging(1)(probe.model, Margin(), at, aim, noise)

    bpda = ask(BPDA(), x).gradient.flatten(1)
    exact = ask(gradient, x).gradient.flatten(1)
    norm = bpda.norm(dim=1)
    direction = bpda / norm.clamp_min(1e-12)[:, None]
    shift = STEP * direction.view_as(x)
    difference = (ask(BPDA(), x + shift).value - ask(BPDA(), x - shift).value) / (2 * STEP)
    passed = exact != 0
    apart = ((exact - bpda) * passed).norm(dim=1) / (bpda * passed).norm(dim=1).clamp_min(1e-12)
    cosine = torch.nn.functional.cosine_similarity(exact, bpda)
    return torch.stack([apart, cosine, (exact * direction).sum(1), norm, difference])
