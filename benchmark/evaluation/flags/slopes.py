"""The slope of the deployed decision beside the gradient that attacks are handed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.gradients.base import GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from benchmark.core.defended import DecisionRule, DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.flags.probe import Probe

DIRECTIONS = 8
SHORT = 0.02
"""Length of a step, in L2 over the image, unless rounding of the logits asks for a longer one."""

_CLEAR = 50
"""How many times the rounding of the logits a difference should be."""

_BEND = 0.9
"""Correlation from which a step along the gradient may be halved: slopes that agree in every direction but the steepest
are those of a curved decision, not another's."""

_INSIDE = 0.01
_ROUNDING = 8 * torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class Slopes:
    """What a gradient says of each image, and what the decision does.

    Attributes:
        error: |slope − difference| over the larger of the two, along the gradient or along its signs, whichever is
            worse; in [0, 2], 1 where either is zero. Of a step and half of it the better, where the slopes correlate.
        correlation: Of slopes and differences over random directions, about zero; 0 where either is zero throughout.
        checked: Whether either the gradient or the decision has a slope that stands clear of rounding. All [N].
    """

    error: Tensor
    correlation: Tensor
    checked: Tensor


def slopes(probe: Probe, x: Tensor, gradient: GradientEstimator) -> Slopes:
    """Central differences of the deployed margin at `x` [N, C, H, W] against a gradient estimator.

    The estimator averages over as many draws as the decision has votes, under the same noise, so that both see the same
    draws. The decision is asked without gradients, along the gradient, along its signs, where an attack within L∞ goes
    and small pixels weigh as much as large ones, and along random directions: a projected gradient is consistent along
    itself. Margins are of the mean logits, since a share of votes has no slope.

    Args:
        probe: The model.
        x: Images, one for each of the probe's.
        gradient: The estimator.
    """
    votes = _votes(probe.model)
    size = max(1, probe.batch_size.size // votes)
    parts = probe.batch_size.map(len(x), lambda rows: _slopes(probe, x, gradient, rows), size=size)
    return Slopes(*(torch.cat([part[i] for part in parts]) for i in range(3)))


def mean_logits(model: DefendedModel, x: Tensor, noise: Noise) -> Tensor:
    """The logits that a decision rests on, averaged over its votes: [B, K]."""
    if model.decision_rule is DecisionRule.MEAN_LOGITS:
        return model.decide(x, noise)
    votes = _votes(model)
    logits = model.classify(model.purify(x.repeat_interleave(votes, 0), noise.repeat(votes)))
    return logits.unflatten(0, (len(x), votes)).mean(1)


def _votes(model: DefendedModel) -> int:
    return model.votes if model.randomized else 1


def _slopes(probe: Probe, images: Tensor, gradient: GradientEstimator, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
    model, aim, noise = probe.model, Aim(probe.labels[rows]), probe.noise[rows].stream("slope")
    # A step from a black pixel would leave the box, where a clipping purifier has no slope.
    x = _INSIDE + (1 - 2 * _INSIDE) * images[rows]
    with frozen(model):
        ascent = gradient.averaging(_votes(model))(model, Margin(), x, aim, noise)
    claimed = ascent.gradient.flatten(1).double()
    steepness, pixels = claimed.norm(dim=1), claimed.shape[1]
    directions = noise.stream("directions").repeat(DIRECTIONS).normal(x.shape[1:]).double().flatten(1)
    directions = (directions / directions.norm(dim=1, keepdim=True)).view(len(x), DIRECTIONS, pixels)
    own = claimed / steepness.clamp_min(1e-300)[:, None]
    signs = claimed.sign() / math.sqrt(pixels)
    directions = torch.cat([own[:, None], signs[:, None], directions], 1)
    rounding = _ROUNDING * ascent.logits.double().abs().amax(1)
    # A random direction meets a slope of about ‖g‖ / √d.
    clear = _CLEAR * rounding * math.sqrt(pixels) / (2 * steepness.clamp_min(1e-300))
    length = clear.clamp(SHORT, _longest(probe, pixels))

    def margin(at: Tensor) -> Tensor:
        with frozen(model), torch.no_grad():
            return aim.margin(mean_logits(model, at.to(x.dtype), noise)).double()

    def difference(direction: Tensor, length: Tensor) -> Tensor:
        step = (length[:, None] * direction).view_as(x)
        return (margin(x + step) - margin(x - step)) / (2 * length)

    found = torch.stack([difference(direction, length) for direction in directions.unbind(1)], 1)
    halved = torch.stack([difference(direction, length / 2) for direction in (own, signs)], 1)
    expected = (directions * claimed[:, None]).sum(2)
    least = (4 * rounding / (2 * length))[:, None]
    # Along a gradient that is zero there is nothing to see; what the random directions find then counts.
    felt = (found.abs() > least) | (expected.abs() > least)
    towards, seen = expected[:, 2:], found[:, 2:]
    scale = towards.norm(dim=1) * seen.norm(dim=1)
    correlation = (towards * seen).sum(1) / scale.clamp_min(1e-300)
    along, shorter = _relative(expected[:, :2], found[:, :2]), _relative(expected[:, :2], halved)
    along = torch.where((correlation > _BEND)[:, None], torch.minimum(along, shorter), along)
    error = torch.where(steepness > 0, along.amax(1), _relative(towards, seen).amax(1))
    return error, correlation, felt.any(1)


def _relative(expected: Tensor, found: Tensor) -> Tensor:
    return (expected - found).abs() / torch.maximum(found.abs(), expected.abs()).clamp_min(1e-300)


def _longest(probe: Probe, pixels: int) -> float:
    """A quarter of the way to the edge of the ball, for an image of typical pixels."""
    radius = probe.epsilon * math.sqrt(pixels) if probe.norm is Norm.LINF else probe.epsilon
    return max(SHORT, radius / 4)
