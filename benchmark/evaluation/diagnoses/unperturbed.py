"""How often the two-stage rule calls an image broken that nobody has touched."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.flags.probe import Probe


def unperturbed(probe: Probe) -> dict[str, Any]:
    """The zero-perturbation control: the row's attack and its two-stage rule (Hill et al. 2021, algorithm 1) at ε = 0.

    An attack that looks at every iterate of a randomized model, and needs to be lucky once, breaks images without
    changing a pixel. What it breaks here is owed to the looking alone.

    Returns:
        n: Images, all right on clean input. broken: How many the rule calls broken. looks: Times each is looked at.
        proposing, verifying: Draws of a look and of its verification.
    """
    outcome = probe.attack(epsilon=0.0)
    return {
        "n": len(probe),
        "broken": int(outcome.success.sum()),
        "looks": probe.steps + 1,
        "proposing": probe.estimator.draws,
        "verifying": probe.model.votes,
    }
