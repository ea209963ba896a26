"""The gradient of any model from its values alone, as an estimator that works with every search and objective."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.gradients.antithetic import antithetic_gradient
from attacks.gradients.base import Ascent, GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Count, Deviation


class ZerothOrder(GradientEstimator):
    """Antithetic Gaussian differences of the objective; see `antithetic_gradient`.

    All images asked about meet the same random draws of the defense, so that differences are the images' own. It goes
    through the whole defended model, asks nothing to be differentiable, and cannot be masked by a gradient that is
    zero, wrong or absent; it pays for that in passes and in spread, which grows with the number of pixels. `nes` is the
    same estimate for an attacker who may only query scores.

    Args:
        draws: Random draws of the defense that the logits are averaged over.
        pairs: n, pairs of images per gradient.
        sigma: σ on pixels in [0, 1]; it must reach across a quantizer's rounding. Asked images stay in [0, 1].
    """

    name = "zeroth-order"
    source = "Nesterov and Spokoiny 2017, Random gradient-free minimization of convex functions, two-sided"
    follows_values = True

    def __init__(self, *, draws: Count = 1, pairs: AtOnce = 32, sigma: Deviation = 0.01) -> None:
        super().__init__(draws=draws)
        self.pairs = pairs
        self.sigma = sigma

    def __call__(self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise) -> Ascent:
        """Evaluate the objective at `x` [B, C, H, W] and estimate its gradient there."""
        x = x.detach()

        def value(images: Tensor, rows: Tensor, draws: Noise) -> Tensor:
            # All pairs of an image meet the draws that its logits are taken with.
            del draws
            return self._ask(model, objective, images, aim[rows], noise[rows])[1]

        with torch.no_grad():
            logits, at = self._ask(model, objective, x, aim, noise)
            gradient, _ = antithetic_gradient(value, x, noise, pairs=self.pairs, sigma=self.sigma)
        return Ascent(gradient, logits, at)

    def passes(self, model: DefendedModel) -> Passes:
        each = self.draws * (1 + 2 * self.pairs)
        return Passes(each * (1 + model.purify_passes.forwards), each * model.purify_passes.backwards)

    @property
    def values(self) -> int:
        return 2 * self.pairs

    def budget(self) -> str:
        return f", each gradient estimated from {2 * self.pairs} values"

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        return x, model.purify(x, noise)

    def _ask(
        self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise
    ) -> tuple[Tensor, Tensor]:
        copies = x if self.draws == 1 else x.repeat_interleave(self.draws, 0)
        _, purified = self.link(model, copies, noise.repeat(self.draws))
        return self.evaluate(model, objective, purified, aim)
