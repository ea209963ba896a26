"""What is left of a randomized defense whose draws the attacker knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from benchmark.evaluation.flags.probe import Probe
from benchmark.noise import Noise
from defenses.base import DefendedModel


def with_known_draws(model: DefendedModel, key: tuple[int, int]) -> DefendedModel:
    """The same defended model, except that an image's votes rest on the same random numbers whenever it is asked."""

    def fixed(noise: Noise) -> Noise:
        return replace(noise, key=key, step=0)

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return model.purify(x, fixed(noise))

    def exact_purify(x: Tensor, noise: Noise) -> Tensor:
        return model.exact_purify(x, fixed(noise))

    return DefendedModel(
        model.classifier,
        purify=purify,
        exact_purify=exact_purify,
        surrogate=model.surrogate,
        networks=model.networks,
        purify_passes=model.purify_passes,
        votes=model.votes,
        randomized=True,
        decision_rule=model.decision_rule,
    )


def known_draws(probe: Probe, gradient: str) -> dict[str, Any]:
    """The fixed-noise diagnostic: the row's attack on a model that always draws the numbers the attacker has.

    What it breaks beyond the row's own attack was protected by the draws being secret, and not by the defense.

    Args:
        probe: The model and its images.
        gradient: The best gradient that the defense offers.

    Returns:
        n: Images, all right on clean input. broken: How many fall, or are wrong to begin with under these draws.
    """
    model = with_known_draws(probe.model, probe.noise.stream("known draws").key)
    outcome = probe.of(model, gradient=gradient, eot_samples=model.votes).attack()
    return {"n": len(probe), "broken": int(outcome.success.sum()), "gradient": gradient, "steps": probe.steps}
