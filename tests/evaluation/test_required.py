"""Which attacks a fair row needs."""

from __future__ import annotations

from typing import Any, cast

import pytest
from torch import nn

from attacks.apgd import APGD
from attacks.base import Attack, Stop
from attacks.fgsm import FGSM
from attacks.gradients.autograd import Autograd
from attacks.gradients.bpda import BPDA
from attacks.gradients.undefended import Undefended
from attacks.gradients.zeroth_order import ZerothOrder
from attacks.low_frequency import LowFrequency
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from attacks.rotation_translation import RotationTranslation
from attacks.square import Square
from attacks.stadv import StAdv
from attacks.standard_v1 import StandardV1
from benchmark.core.defended import DefendedModel
from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.completing import completing
from benchmark.evaluation.required import missing_attacks, required
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_facts import attack_facts
from defenses.base import Defense


class Plain(Defense):
    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class Random(Plain):
    randomized = True


class Purifier(Plain):
    purifier = True


class Rounding(Purifier):
    differentiable = False


class Codec(Rounding):
    surrogates = ("identity", "soft")


def step(attack: Attack, objective: Objective | None = None, **changed: Any) -> AttackStep:
    settings = {
        "clean": None,
        "name": attack.name,
        "attack": attack,
        "norm": Norm.LINF,
        "epsilon": Epsilon.parse("8/255"),
        "objective": objective,
        "gradient": Autograd(),
        "stop": Stop.FIRST_SUCCESS,
        "features": None,
        "proxies": (),
        "replicates": 1,
        "seed": 0,
    }
    return AttackStep(**cast(Any, {**settings, **changed}))


FULL = (step(PGD()), step(PGD(), Margin()), step(Square()))


def lacks(defense: Defense, *steps: AttackStep) -> str:
    return "; ".join(missing_attacks(required(defense), [attack_facts(s, defense) for s in steps]))


def test_a_row_needs_both_objectives_and_queries() -> None:
    assert lacks(Plain(), *FULL) == ""
    for left_out, word in enumerate(("cross-entropy", "margin", "black-box")):
        text = lacks(Plain(), *(s for i, s in enumerate(FULL) if i != left_out))
        assert word in text
        assert ";" not in text
    assert lacks(Plain()).count(";") == 2


@pytest.mark.parametrize(
    "weak",
    [
        step(FGSM(), Margin()),
        step(PGD(steps=9), Margin()),
        step(PGD(), Margin(), gradient=Undefended()),
        step(PGD(), Margin(), gradient=ZerothOrder()),
    ],
    ids=["one step", "nine steps", "ignorant", "without gradients"],
)
def test_weak_attacks_do_not_complete_a_row(weak: AttackStep) -> None:
    assert "margin" in lacks(Plain(), step(PGD()), weak, step(Square()))


def test_attacks_on_another_set_of_images_do_not_complete_a_row() -> None:
    ce, _, square = FULL
    assert "margin" in lacks(Plain(), ce, square, step(PGD(), Margin(), norm=Norm.L2, epsilon=Epsilon.parse(1)))
    assert "margin" in lacks(Plain(), ce, square, step(PGD(), Margin(), epsilon=Epsilon.parse("0.1")))
    assert lacks(Plain(), *FULL, step(PGD(), norm=Norm.L2, epsilon=Epsilon.parse(1))) == ""


def test_a_rotation_does_not_complete_a_row_of_smooth_flows() -> None:
    spatial = {"norm": Norm.SPATIAL, "epsilon": Epsilon.parse(1)}
    flows = [step(StAdv(), objective, **spatial) for objective in (CrossEntropy(), Margin())]
    assert lacks(Plain(), *flows, step(RotationTranslation(), **spatial)) == "a black-box attack"


def test_the_ensemble_completes_a_row() -> None:
    assert lacks(Plain(), step(StandardV1())) == ""
    assert lacks(Plain(), step(APGD()), step(APGD(loss="dlr")), step(Square())) == ""
    assert "EOT" in lacks(Random(), step(StandardV1()))


def test_a_random_defense_needs_averaged_gradients() -> None:
    averaged = [step(PGD(), o, gradient=Autograd(draws=20)) for o in (CrossEntropy(), Margin())]
    assert lacks(Random(), *averaged, step(Square())) == ""
    assert "20 EOT samples" in lacks(Random(), *FULL)


def test_values_in_place_of_gradients_are_what_a_black_box_attack_uses() -> None:
    ce, margin, _ = FULL
    assert lacks(Plain(), ce, margin) == "a black-box attack"
    assert lacks(Plain(), ce, margin, step(PGD(), gradient=ZerothOrder())) == ""


def test_a_purifier_with_a_gradient_needs_the_exact_one() -> None:
    bpda = [step(PGD(), o, gradient=BPDA()) for o in (CrossEntropy(), Margin())]
    assert lacks(Purifier(), *FULL) == ""
    assert lacks(Purifier(), *bpda, step(Square())) == "the exact gradient through purification"
    assert lacks(Rounding(), *bpda, step(Square())) == ""


def test_one_surrogate_of_several_is_not_enough() -> None:
    def by(**settings: str) -> list[AttackStep]:
        return [step(PGD(), o, gradient=BPDA(**settings)) for o in (CrossEntropy(), Margin())]

    assert lacks(Codec(), *by(), step(Square())) == ""
    assert "through every surrogate" in lacks(Codec(), *by(surrogate="identity"), step(Square()))
    assert lacks(Rounding(), *by(surrogate="identity"), step(Square())) == ""


class Voting(Purifier):
    randomized = True
    differentiable = False


def test_a_purifier_whose_draws_vote_needs_a_low_frequency_attack() -> None:
    draws = {"gradient": BPDA(draws=20)}
    others = (step(PGD(), **draws), step(PGD(), Margin(), **draws), step(Square()))

    def lack(*more: AttackStep, defense: Defense | None = None, votes: bool = True) -> list[str]:
        defense = defense or Voting()
        return missing_attacks(required(defense, votes=votes), [attack_facts(s, defense) for s in (*others, *more)])

    assert lack() == ["a low-frequency attack"]
    assert lack(votes=False) == []
    assert lack(step(LowFrequency(), **draws)) == []
    assert "EOT samples" in lack(step(LowFrequency(), gradient=BPDA(draws=2)))[0]
    assert "10 steps at least" in lack(step(LowFrequency(steps=5), **draws))[0]
    assert lack(step(LowFrequency(), gradient=ZerothOrder(draws=20))) == ["a low-frequency attack"]
    assert "low-frequency" not in " ".join(lack(defense=Purifier()) + lack(defense=Random()))
    assert completing("a low-frequency attack", Norm.L2, randomized=True)["method"] == "low-frequency"


def test_a_low_frequency_attack_meets_no_other_need() -> None:
    assert lacks(Plain(), step(LowFrequency())).count(";") == 2
