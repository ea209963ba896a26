"""What attacking one image may cost, from the settings alone: for estimates before a run."""

from __future__ import annotations

from torch import nn

from attacks.base import Attack
from attacks.candidates import CandidateSearch
from attacks.gradients import GradientEstimator
from benchmark.threat import Access
from defenses.base import DefendedModel, Defense, Passes


def attack_passes(attack: Attack, estimator: GradientEstimator, defense: Defense, *, watched_pairs: bool) -> Passes:
    """Passes that an image costs which never falls: the purifier, all votes, EOT and restarts included.

    What is left out depends on the model's answers or on the number of classes: looks between steps, verification of
    what falls, gradients towards wrong classes beyond the first, and all but one white-box member of an ensemble.

    Args:
        attack: The attack.
        estimator: How it differentiates through the defense.
        defense: Need not be fitted.
        watched_pairs: Whether the `pairs` of a white-box attack are asked about a detector without a gradient.
    """
    settings = attack.settings()
    model = DefendedModel(
        nn.Identity(),
        purify_passes=defense.purify_passes,
        votes=getattr(defense, "votes", 1),
        randomized=defense.randomized,
    )
    if isinstance(attack, CandidateSearch):
        steps = attack.count()
    elif "steps" not in settings and "searches" in settings:
        steps = settings["searches"] * settings["evaluations"]
    else:
        steps = settings.get("steps") or settings.get("queries") or 1
    steps *= settings.get("restarts", 1)
    pairs = 2 * settings.get("pairs", 0)
    if attack.access is Access.SURROGATE:
        # It asks its own classifiers for gradients: no passes of the victim, but time all the same.
        return Passes(steps * attack.proxies, steps * attack.proxies)
    if attack.access is not Access.GRADIENT:
        asked = model.decision_passes
        return Passes(steps * (1 + pairs) * asked.forwards, steps * (1 + pairs) * asked.backwards)
    gradient, once = estimator.passes(model), model.purify_passes
    pairs *= watched_pairs
    return Passes(
        steps * (gradient.forwards + pairs * (1 + once.forwards)),
        steps * (gradient.backwards + pairs * once.backwards),
    )
