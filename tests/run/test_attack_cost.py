"""Estimates of an attack's passes against the passes counted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Attack, Stop
from attacks.gradients.autograd import Autograd
from attacks.lbfgs import LBFGS
from attacks.nes import NES
from attacks.pgd import PGD
from attacks.random_noise import RandomNoise
from attacks.rotation_translation import RotationTranslation
from attacks.searches.square_search import SquareSearch
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.steps.attack_cost import attack_passes
from defenses.base import Defense
from defenses.ebm import EBMPurification
from tests.attacks.attacking import attack


class Certain(nn.Module):
    """Class 0, whatever happens to the image: nothing falls, and everything is tried to the end."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([9 + x.sum((1, 2, 3)), -9 - x.sum((1, 2, 3))], dim=1)


class Shaken(Defense):
    """Without a name, so that it is not registered."""

    randomized = True

    def __init__(self, *, votes: int = 3) -> None:
        self.votes = votes

    @property
    def purify_passes(self) -> Passes:
        return Passes(4, 2)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def shake(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.01 * noise.stream("shake").normal(x.shape[1:])

        return DefendedModel(
            classifier, purify=shake, purify_passes=self.purify_passes, votes=self.votes, randomized=True
        )


@pytest.mark.parametrize(
    ("method", "norm"),
    [
        (PGD(steps=40), Norm.LINF),
        (PGD(steps=30, restarts=3), Norm.LINF),
        (APGD(steps=30, restarts=2), Norm.LINF),
        (NES(steps=5, pairs=10, restarts=2), Norm.LINF),
        (RandomNoise(draws=48), Norm.LINF),
        (SquareSearch(queries=60), Norm.LINF),
        (RotationTranslation(angles=5, shifts=3), Norm.SPATIAL),
    ],
    ids=lambda value: value.name if isinstance(value, Attack) and hasattr(value, "name") else "",
)
@pytest.mark.parametrize("draws", [1, 5])
def test_what_nothing_breaks_costs_what_was_estimated(method: Attack, norm: Norm, draws: int) -> None:
    defense, estimator = Shaken(), Autograd(draws=draws)
    expected = attack_passes(method, estimator, defense, norm=norm, epsilon=Epsilon.parse(0.01), asks_detector=False)
    x = 0.4 + 0.2 * Noise.of(0, range(8)).uniform((1, 6, 6))
    outcome = attack(method, defense.defend(Certain()), x, 0.01, norm=norm, estimator=estimator, stop=Stop.NEVER)
    assert not bool(outcome.success.any())
    # A last look is not in it.
    assert int(outcome.forwards.max()) == pytest.approx(expected.forwards, rel=0.1)
    assert int(outcome.backwards.max()) == pytest.approx(expected.backwards, rel=0.1)


def test_l_bfgs_costs_at_most_what_was_estimated() -> None:
    method, estimator = LBFGS(searches=3, evaluations=10), Autograd()
    expected = attack_passes(method, estimator, Shaken(), norm=Norm.L2, epsilon=Epsilon.parse(1), asks_detector=False)
    x = 0.4 + 0.2 * Noise.of(0, range(8)).uniform((1, 6, 6))
    outcome = attack(method, Shaken().defend(Certain()), x, 1, norm=Norm.L2)
    # A gradient through the purifier: the classifier's own, one for each of its four passes, and its own two.
    assert expected.backwards == 3 * 10 * (1 + 4 + 2)
    looks = 4 * 3 * 2
    assert 0 < int(outcome.backwards.max()) <= expected.backwards + looks


def test_the_estimate_knows_of_a_purifier_that_is_not_fitted() -> None:
    plain, longer = (
        attack_passes(
            PGD(steps=10),
            Autograd(draws=2),
            EBMPurification(steps=n),
            norm=Norm.LINF,
            epsilon=Epsilon.parse("8/255"),
            asks_detector=False,
        )
        for n in (0, 7)
    )
    assert (plain.forwards, longer.forwards) == (10 * 2, 10 * 2 * (1 + 7))
    assert (plain.backwards, longer.backwards) == (10 * 2, 10 * 2 * (1 + 7 + 7))
