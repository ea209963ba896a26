"""What is left of a randomized defense whose draws the attacker knows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.evaluation.flags.probe import Probe


@dataclass(frozen=True)
class PinnedNoise(Noise):
    """An attack's random numbers, which change as ever, beside those of the model that it attacks, which do not.

    Attributes:
        pinned: The model's, row by row: every stream and step of this noise holds the same.
    """

    pinned: Noise = field(kw_only=True)

    @classmethod
    def beside(cls, noise: Noise, pinned: Noise) -> PinnedNoise:
        """`noise` with the model's numbers held at `pinned`, for as many rows."""
        return cls(noise.key, noise.lanes, noise.step, pinned=pinned)

    def repeat(self, copies: int) -> PinnedNoise:
        """Copies, whose own pinned numbers are those of as many copies."""
        return PinnedNoise.beside(super().repeat(copies), self.pinned.repeat(copies))

    def __getitem__(self, rows: Tensor | slice) -> PinnedNoise:
        return PinnedNoise.beside(super().__getitem__(rows), self.pinned[rows])


def with_known_draws(model: DefendedModel) -> DefendedModel:
    """The same defended model, except that it draws the pinned numbers of the noise it is handed."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return model.purify(x, _pinned(noise))

    def exact_purify(x: Tensor, noise: Noise) -> Tensor:
        return model.exact_purify(x, _pinned(noise))

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


def known_draws(probe: Probe, gradient: GradientEstimator) -> dict[str, Any]:
    """The fixed-noise diagnostic: the row's attack on a model that always draws the numbers the attacker has.

    What it breaks beyond the row's own attack was protected by the draws being secret, and not by the defense.

    Args:
        probe: The model and its images.
        gradient: The best gradient that the defense offers.

    Returns:
        n: Images, all right on clean input. broken: How many fall, or are wrong to begin with under these draws.
    """
    model = with_known_draws(probe.model)
    noise = PinnedNoise.beside(probe.noise, probe.noise.stream("known draws"))
    outcome = replace(probe.of(model, gradient.averaging(model.votes)), noise=noise).attack()
    return {"n": len(probe), "broken": int(outcome.success.sum()), "gradient": gradient.name, "steps": probe.steps}


def _pinned(noise: Noise) -> Noise:
    if not isinstance(noise, PinnedNoise):
        raise TypeError("a model of known draws is asked with pinned noise")
    return noise.pinned
