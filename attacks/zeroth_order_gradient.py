"""The gradient of any model from its values alone, as an estimator that works with every search and objective."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.aim import Aim
from attacks.gradients import Ascent, GradientEstimator
from attacks.objectives import Objective, finite_or_zero
from benchmark.noise import Noise
from defenses.base import DefendedModel, Passes

_CHUNK = 16


class ZerothOrder(GradientEstimator):
    """Antithetic Gaussian differences of the objective (Nesterov and Spokoiny 2017, eq. 22, two-sided).

    (1/n) Σᵢ [J(x + σuᵢ) − J(x − σuᵢ)] / (2σ) · uᵢ with standard normal uᵢ: in expectation the gradient of J smoothed
    with N(0, σ²). Both images of a pair meet the same random draws of the defense, so that their difference is the
    images' own. It goes through the whole defended model, asks nothing to be differentiable, and cannot be masked by a
    gradient that is zero, wrong or absent; it pays for that in passes and in spread, which grows with the number of
    pixels. `nes` is the same estimate for an attacker who may only query scores.

    Args:
        draws: Random draws of the defense that the logits are averaged over.
        pairs: n, pairs of images per gradient.
        sigma: σ on pixels in [0, 1]; it must reach across a quantizer's rounding. Asked images stay in [0, 1].
    """

    name = "zeroth-order"

    def __init__(self, *, draws: int = 1, pairs: int = 32, sigma: float = 0.01) -> None:
        super().__init__(draws=draws)
        self.pairs = pairs
        self.sigma = sigma

    def __call__(self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise) -> Ascent:
        """Evaluate the objective at `x` [B, C, H, W] and estimate its gradient there."""
        x = x.detach()
        total = torch.zeros_like(x)
        with torch.no_grad():
            logits, value = self._ask(model, objective, x, aim, noise)
            # Always as many pairs of every image at once, so that batches do not mix.
            for first in range(0, self.pairs, _CHUNK):
                total += self._pairs(model, objective, x, aim, noise, first, min(_CHUNK, self.pairs - first))
        return Ascent(total / self.pairs, logits, value)

    def passes(self, model: DefendedModel) -> Passes:
        each = self.draws * (1 + 2 * self.pairs)
        return Passes(each * (1 + model.purify_passes.forwards), each * model.purify_passes.backwards)

    def budget(self) -> str:
        return f", each gradient estimated from {2 * self.pairs} values"

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        return x, model.purify(x, noise)

    def _pairs(
        self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise, first: int, count: int
    ) -> Tensor:
        """Sum over `count` pairs: [B, C, H, W]."""
        directions = noise.stream(f"zeroth-order pairs from {first}").repeat(count).normal(x.shape[1:], dtype=x.dtype)
        rows = torch.arange(x.shape[0], device=x.device).repeat_interleave(count)
        shift = self.sigma * directions
        both = torch.cat([x[rows] + shift, x[rows] - shift]).clamp(0, 1)
        twice = rows.repeat(2)
        _, value = self._ask(model, objective, both, aim[twice], noise[twice])
        ahead, behind = finite_or_zero(value).chunk(2)
        slope = ((ahead - behind) / (2 * self.sigma)).view(-1, 1, 1, 1)
        return (slope * directions).unflatten(0, (x.shape[0], count)).sum(1)

    def _ask(
        self, model: DefendedModel, objective: Objective, x: Tensor, aim: Aim, noise: Noise
    ) -> tuple[Tensor, Tensor]:
        copies = x if self.draws == 1 else x.repeat_interleave(self.draws, 0)
        _, purified = self.link(model, copies, noise.repeat(self.draws))
        return self.evaluate(model, objective, purified, aim)
