"""A stronger attacker (larger ε, more steps, more restarts) never breaks less, and one without a bound everything."""

from __future__ import annotations

import math

import pytest

from attacks.apgd import APGD
from attacks.base import Attack, Outcome
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.fgsm import FGSM
from attacks.lbfgs import LBFGS
from attacks.low_frequency import LowFrequency
from attacks.nes import NES
from attacks.pgd import PGD
from attacks.random_noise import RandomNoise
from attacks.rotation_translation import RotationTranslation
from attacks.square import Square
from attacks.stadv import StAdv
from attacks.standard_v1 import StandardV1
from attacks.transfer import Transfer
from attacks.transfer_ensemble import TransferEnsemble
from attacks.uap import UniversalPerturbation
from benchmark.core.discovery import load_plugins
from benchmark.core.plugin import registered
from benchmark.core.threat import Norm
from tests.attacks.attacking import attack, prepared
from tests.attacks.templates import task
from tests.attacks.test_library_attacks import ATTACKS

SHAPE = (1, 30, 22)
EVERYTHING = {Norm.LINF: 1.0, Norm.L2: math.sqrt(math.prod(SHAPE)), Norm.SPATIAL: 1.0}
GROWING = {
    Norm.LINF: (0.0, 0.01, 0.035, 0.07, 1.0),
    Norm.L2: (0.0, 0.15, 0.6, 1.2, EVERYTHING[Norm.L2]),
    Norm.SPATIAL: (0.0, 0.5, 1.0, 4.0),
}
OWN: list[tuple[Attack, Norm]] = [
    (FGSM(), Norm.LINF),
    (BIM(steps=10), Norm.LINF),
    (PGD(steps=20), Norm.LINF),
    (PGD(steps=20), Norm.L2),
    (CWLinf(steps=20), Norm.LINF),
    (APGD(steps=20), Norm.LINF),
    (APGD(steps=20, loss="margin"), Norm.L2),
    (LBFGS(searches=6, evaluations=10), Norm.L2),
    (LowFrequency(steps=20), Norm.LINF),
    (NES(steps=10, pairs=30), Norm.LINF),
    (RandomNoise(draws=60), Norm.LINF),
    (StAdv(steps=20), Norm.SPATIAL),
    (StandardV1(steps=10, queries=40), Norm.LINF),
    (UniversalPerturbation(epochs=3, images=60), Norm.LINF),
    (Transfer(steps=10), Norm.LINF),
    (TransferEnsemble(steps=10, proxies=2), Norm.LINF),
]
WITHOUT_GRADIENT = {"random-noise", "uap", "transfer", "transfer-ensemble", "stadv", "fgsm", "nes"}
"""Where every image is allowed these need not find one for each: they do not follow this model's gradient, take one
step, or move pixels and do not change them."""


def on(method: Attack, norm: Norm, epsilon: float) -> Outcome:
    trial, others = task(SHAPE, 3, count=20), (task(SHAPE, 3).classifier,) * 2
    method = prepared(method, trial.classifier, trial.train, epsilon, norm=norm, proxies=others)
    return attack(method, trial.classifier, trial.x, epsilon, norm=norm)


@pytest.mark.parametrize(("method", "norm"), OWN, ids=[f"{m.name} {n}" for m, n in OWN])
def test_success_never_falls_as_epsilon_grows(method: Attack, norm: Norm) -> None:
    broken = [int(on(method, norm, epsilon).success.sum()) for epsilon in GROWING[norm]]
    assert broken[0] == 0
    assert broken == sorted(broken)
    if method.name not in WITHOUT_GRADIENT:
        assert broken[-1] == 20


@pytest.mark.parametrize(
    ("few", "many", "norm", "epsilon"),
    [
        (BIM(steps=1), BIM(steps=20), Norm.LINF, 0.035),
        (PGD(steps=1), PGD(steps=40), Norm.LINF, 0.035),
        (PGD(steps=2), PGD(steps=2, restarts=5), Norm.LINF, 0.035),
        (CWLinf(steps=1), CWLinf(steps=20), Norm.LINF, 0.035),
        (APGD(steps=2), APGD(steps=40), Norm.LINF, 0.035),
        (APGD(steps=2), APGD(steps=2, restarts=4), Norm.LINF, 0.035),
        (LBFGS(searches=2, evaluations=4), LBFGS(searches=8, evaluations=20), Norm.L2, 0.6),
        (LowFrequency(steps=1), LowFrequency(steps=20), Norm.LINF, 0.035),
        (NES(steps=3, pairs=20), NES(steps=30, pairs=60), Norm.LINF, 0.035),
        (NES(steps=3, pairs=20), NES(steps=3, pairs=20, restarts=4), Norm.LINF, 0.07),
        (RandomNoise(draws=5), RandomNoise(draws=200), Norm.LINF, 0.3),
        (RotationTranslation(draws=4), RotationTranslation(draws=60), Norm.SPATIAL, 1.0),
        (StAdv(steps=3), StAdv(steps=60), Norm.SPATIAL, 1.0),
        (Square(queries=5), Square(queries=200), Norm.LINF, 0.05),
        (StandardV1(steps=1, queries=1), StandardV1(steps=20, queries=100), Norm.LINF, 0.035),
        (Transfer(steps=1), Transfer(steps=20), Norm.LINF, 0.035),
        (UniversalPerturbation(epochs=1, images=50), UniversalPerturbation(epochs=5, images=200), Norm.LINF, 0.1),
    ],
    ids=lambda value: repr(value) if isinstance(value, Attack) else "",
)
def test_success_never_falls_with_more_steps_or_restarts(few: Attack, many: Attack, norm: Norm, epsilon: float) -> None:
    weak, strong = on(few, norm, epsilon).success, on(many, norm, epsilon).success
    assert int(weak.sum()) <= int(strong.sum())
    if getattr(many, "restarts", 1) > 1:
        assert bool((strong | ~weak).all())


def test_every_attack_is_held_to_it() -> None:
    """Here or in the table of published attacks; those aimed at a detector break nothing for its own sake."""
    load_plugins()
    own = {name: kind for name, kind in registered("attack").items() if kind.__module__.startswith("attacks.")}
    held = {method.name for method, *_ in [*OWN, *ATTACKS]} | {"rotation-translation"}
    aimed = {name for name, kind in own.items() if kind().default_objective().detector_aware}
    assert held | aimed == set(own)
