"""What attacking one image may cost, from what the attack says it spends: for estimates, and the least that counts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from attacks.base import Attack
from attacks.effort import Effort
from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.threat import Epsilon, Norm
from benchmark.steps.replay import VERSIONS
from defenses.base import Defense

FOLLOWED = 64
"""Attacked images whose questions are sampled, to be asked again in a fresh process; fewer of a dear model."""

LEAST_FOLLOWED = 8
REPLAYED_PASSES = 20_000
"""Forward passes that asking an attack's questions again may take, unless that leaves too few."""


def followed(draws: int, purify: Passes, decision: Passes) -> int:
    """Attacked images whose questions are asked again.

    Args:
        draws: Draws of a question.
        purify, decision: What purifying one image takes, and deciding on it.
    """
    each = VERSIONS * max(draws * (1 + purify.forwards), decision.forwards)
    return min(FOLLOWED, max(LEAST_FOLLOWED, REPLAYED_PASSES // each))


def attack_passes(
    attack: Attack,
    estimator: GradientEstimator,
    defense: Defense,
    *,
    norm: Norm,
    epsilon: Epsilon,
    asks_detector: bool,
) -> Passes:
    """Passes that an image costs which never falls: the purifier, all votes, EOT and restarts included.

    What is left out depends on the model's answers or on the number of classes: looks between steps, verification of
    what falls, and gradients towards wrong classes beyond the first.

    Args:
        attack: The attack.
        estimator: How it differentiates through the defense.
        defense: Need not be fitted.
        norm, epsilon: The allowed perturbation.
        asks_detector: Whether questions about a detector without a gradient are asked.
    """
    effort = attack.effort(norm, epsilon.value)
    model = unfitted(defense)
    asked, once = _passes(effort, estimator, model), model.purify_passes
    questions = effort.detector_questions * asks_detector
    # The attacker's own classifiers are no passes of the victim, but time all the same.
    return Passes(
        asked.forwards + effort.proxies + questions * (1 + once.forwards),
        asked.backwards + effort.proxies + questions * once.backwards,
    )


def least_passes(attack: Attack, estimators: Sequence[GradientEstimator], defense: Defense) -> Passes:
    """Passes that the least effort of an attack amounts to, for an image that never falls; a decision has one vote.

    Args:
        attack: The attack.
        estimators: How it differentiates through the defense, one after the other.
        defense: Need not be fitted.
    """
    model = unfitted(defense, votes=1)
    parts = [_passes(part.least(), estimator, model) for part in attack.parts() for estimator in estimators]
    return Passes(sum(p.forwards for p in parts), sum(p.backwards for p in parts))


def _passes(effort: Effort, estimator: GradientEstimator, model: DefendedModel) -> Passes:
    gradient, asked = estimator.passes(model), model.decision_passes
    return Passes(
        effort.gradients * gradient.forwards + effort.queries * asked.forwards,
        effort.gradients * gradient.backwards + effort.queries * asked.backwards,
    )


def unfitted(defense: Defense, *, votes: int | None = None) -> DefendedModel:
    """A model that costs what the defended one will cost, with the defense's own votes where None are given."""
    votes = getattr(defense, "votes", 1) if votes is None else votes
    return DefendedModel(nn.Identity(), purify_passes=defense.purify_passes, votes=votes, randomized=defense.randomized)
