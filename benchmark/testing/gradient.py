"""The contract of a gradient estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attacks.gradients.base import Ascent, GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.testing.claims import Claims
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.problem import DoublePrecision, grayscale
from benchmark.testing.settings import check_settings, instance_of

IMAGES = 16
_ROUNDING = 1e-4
_STEP = 0.01
"""Length (L2) of a finite difference's step: far above rounding, and far below 1/255 in any one pixel."""


def check_gradient(estimator: GradientEstimator | type[GradientEstimator]) -> None:
    """Check that a gradient estimator keeps its contract, on a small smooth classifier, alone and behind purifiers.

    Gradient, logits and value have their shapes and are finite; rows do not influence each other; the direction climbs
    the margin; where it is `exact` it is the slope by finite differences under the same draws; where it `sees_defense`
    its logits are the defended model's; `passes` are those that are made; images, model and global random state are
    left alone; it says truly whether it `follows_values`.

    Raises:
        AssertionError: Saying what is broken.
    """
    estimator = instance_of(estimator, GradientEstimator)  # type: ignore[type-abstract]
    claims = Claims(estimator)
    check_settings(estimator, claims)
    for purify, randomized in ((None, False), (_noisy, True), (_contrast, False)):
        trial = _Trial(estimator.averaging(3) if randomized else estimator, claims, purify, randomized)
        traits = {
            "purifier": purify is not None,
            "differentiable": True,
            "exact_gradient": True,
            "randomized": randomized,
            "surrogates": ("identity",),
        }
        with claims.works("say whether it is of use"):
            reason = estimator.without_use(traits)
        claims.holds(isinstance(reason, str), "says with no words whether it is of use on a defense")
        # Where it says that it is of no use, it must still do no harm.
        trial.check(useful=not reason)


@dataclass
class _Trial:
    estimator: GradientEstimator
    claims: Claims
    purify: Callable[[Tensor, Noise], Tensor] | None
    randomized: bool

    def __post_init__(self) -> None:
        problem = grayscale()
        images = problem.correct(IMAGES)
        # Off the ends of the range, where queries are cut.
        self.x = 0.05 + 0.9 * images.floats()
        self.aim = Aim(images.labels, None, images.index)
        self.noise = Noise.of(0, images.index).stream("check")
        network = DoublePrecision(_Smooth(problem.classifier()))
        self.model = _Counting(network, purify=self.purify, exact_purify=self.purify, randomized=self.randomized)

    def check(self, *, useful: bool) -> None:
        ascent = self._ask(self.x, self.aim, self.noise, seed=1)
        self._check_passes()
        again = self._ask(self.x, self.aim, self.noise, seed=2)
        self.claims.holds(
            torch.equal(ascent.gradient, again.gradient), "gives another gradient with the same random numbers"
        )
        rows = torch.arange(IMAGES - 1, 4, -1)
        some = self._ask(self.x[rows], self.aim[rows], self.noise[rows], seed=1)
        apart = float(
            (some.gradient - ascent.gradient[rows]).abs().max() / ascent.gradient.abs().max().clamp_min(1e-30)
        )
        self.claims.holds(apart < _ROUNDING, f"gives an image another gradient in other company (by {apart:.2g})")
        if self.estimator.sees_defense:
            same = torch.allclose(ascent.logits, self._logits(self.x), rtol=_ROUNDING, atol=_ROUNDING)
            self.claims.holds(same, "sees the defense, and its logits are not those of the defended model")
        if useful:
            self._check_slope(ascent)

    def _ask(self, x: Tensor, aim: Aim, noise: Noise, *, seed: int) -> Ascent:
        """One evaluation, checked for what must hold of all."""
        shown = x.clone()
        self.model.rows = self.model.backwards = 0
        with (
            self.claims.works("estimate a gradient"),
            global_randomness(self.claims, "estimates a gradient", seed=seed),
            untouched(self.claims, "estimates a gradient", self.model),
            frozen(self.model),
        ):
            ascent = self.estimator(self.model, Margin(), x, aim, noise)
        self.claims.holds(torch.equal(x.detach(), shown), "writes into the images")
        shapes = [list(t.shape) for t in (ascent.gradient, ascent.logits, ascent.value)]
        self.claims.holds(shapes == [list(x.shape), [len(x), 2], [len(x)]], f"gives shapes {shapes}")
        finite = all(bool(t.isfinite().all()) for t in (ascent.gradient, ascent.logits, ascent.value))
        self.claims.holds(finite, "gives NaN or infinity")
        return ascent

    def _check_passes(self) -> None:
        counted, made = self.estimator.passes(self.model), Passes(self.model.rows, self.model.backwards)
        said = Passes(IMAGES * counted.forwards, IMAGES * counted.backwards)
        self.claims.holds(said == made, f"says that {IMAGES} images cost {said} and makes {made}")
        self.claims.holds(
            self.estimator.follows_values == (made.backwards == 0) == bool(self.estimator.values),
            "does not say truly whether it follows values (`follows_values`, `values`)",
        )

    def _check_slope(self, ascent: Ascent) -> None:
        length = ascent.gradient.flatten(1).norm(dim=1)
        self.claims.holds(bool((length > 0).all()), "gives a gradient of zero on a model that has one")
        step = _STEP * ascent.gradient / length.view(-1, 1, 1, 1)
        up, down = (self.aim.margin(self._logits(self.x + s * step).double()) for s in (1, -1))
        slope = (up - down) / (2 * _STEP)
        climbs = float((slope > 0).double().mean())
        self.claims.holds(climbs > 0.9, f"climbs the margin of {climbs:.0%} of {IMAGES} images")
        ratio = float((slope / length).median())
        self.claims.holds(
            not self.estimator.exact or abs(ratio - 1) < 0.05,
            f"says `exact`, and its gradient is not the slope (slope / gradient = {ratio:.3g})",
        )

    def _logits(self, x: Tensor) -> Tensor:
        """The defended model's logits under the draws that the estimator is handed, averaged."""
        draws = self.estimator.draws
        with frozen(self.model), torch.no_grad():
            purified = self.model.purify(x.repeat_interleave(draws, 0), self.noise.repeat(draws))
            return self.model.classify(purified).unflatten(0, (len(x), draws)).mean(1)


class _Counting(DefendedModel):
    """A defended model that notes for how many images it is asked forwards and backwards."""

    rows: int = 0
    backwards: int = 0

    def classify(self, purified: Tensor) -> Tensor:
        self.rows += purified.shape[0]
        logits = super().classify(purified)
        if logits.requires_grad:
            logits.register_hook(self._note)
        return logits

    def _note(self, gradient: Tensor) -> None:
        self.backwards += gradient.shape[0]


class _Smooth(nn.Module):
    """A classifier whose activations have a slope everywhere, so that a difference is no corner's."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        for module in list(classifier.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.Softplus(beta=20))
        self.classifier = classifier.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(x)
        return logits


def _noisy(x: Tensor, noise: Noise) -> Tensor:
    return x + 0.02 * noise.stream("noise").normal(x.shape[1:], dtype=x.dtype)


def _contrast(x: Tensor, noise: Noise) -> Tensor:
    """Slopes other than the identity's."""
    del noise
    return (3 * (x - 0.5)).tanh() / 2 + 0.5
