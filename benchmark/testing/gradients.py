"""Whether the gradients that a defense says it has are the slopes of its answer."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor

from benchmark.core.defended import OWN, DefendedModel, Purify
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.testing.claims import Claims
from benchmark.testing.slope import slope_ratios
from defenses.base import Defense

_SAME = 1e-4


def check_gradients(defense: Defense, claims: Claims, model: DefendedModel, x: Tensor, noise: Noise) -> None:
    """Claim that `differentiable` and `exact_gradient` are true, and that BPDA has something to differentiate."""
    claims.holds(
        {*defense.surrogates, OWN} == {*model.surrogates, OWN},
        f"says `surrogates = {defense.surrogates}` and its model offers {model.surrogates}",
    )
    with frozen(model):
        for name in model.surrogates:
            _check_surrogate(claims, model, name, x)
        if defense.differentiable:
            _check_true(claims, model, model.purify, x, noise, "differentiable")
        else:
            _check_untrue(defense, claims, model, x, noise)
        if defense.exact_gradient:
            with claims.works("purify exactly"), torch.no_grad():
                apart = float((model.exact_purify(x, noise) - model.purify(x, noise)).abs().max())
            claims.holds(apart <= _SAME, f"purifies exactly to other images than it does (by {apart:.3g})")
            _check_true(claims, model, model.exact_purify, x, noise, "exact_gradient")


def _check_true(claims: Claims, model: DefendedModel, purify: Purify, x: Tensor, noise: Noise, trait: str) -> None:
    with claims.works(f"be differentiated (or it must say `{trait} = False`)"):
        ratio = _slope_ratio(model, purify, x, noise)
    claims.holds(ratio is not None, f"lets no gradient through to the image and does not say `{trait} = False`")
    assert ratio is not None
    claims.holds(
        0.5 < ratio < 2,
        f"has a gradient that is not the slope of its answer (slope / gradient = {ratio:.3g}); "
        f"if a stand-in takes its place on the way back, it must say `{trait} = False`",
    )


def _check_surrogate(claims: Claims, model: DefendedModel, name: str, x: Tensor) -> None:
    leaf = x.clone().requires_grad_()
    with claims.works(f"give its surrogate {name!r} for the backward pass"):
        stand_in = model.surrogate(leaf, name)
    claims.holds(
        stand_in.shape == leaf.shape and stand_in.requires_grad,
        f"has a surrogate, {name!r}, that changes the image's shape or has no gradient either",
    )


def _check_untrue(defense: Defense, claims: Claims, model: DefendedModel, x: Tensor, noise: Noise) -> None:
    ratio = None
    with suppress(RuntimeError):
        ratio = _slope_ratio(model, model.purify, x, noise)
    # A few steps of gradient at inference hardly bend the identity that autograd then sees.
    claims.holds(
        ratio is None or defense.gradient_at_inference or abs(ratio - 1) > 0.02,
        "has a true gradient and says `differentiable = False`, which would keep it from the attacks",
    )


def _slope_ratio(model: DefendedModel, purify: Purify, x: Tensor, noise: Noise) -> float | None:
    ratios = slope_ratios(lambda images: model.classify(purify(images, noise)), x)
    return None if ratios is None else float(ratios.median())
