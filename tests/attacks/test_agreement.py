"""Agreement with independent implementations, as a user of theirs would call them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.aim import Aim
from attacks.base import Composition, Stop
from attacks.bim import BIM
from attacks.fgsm import FGSM
from attacks.pgd import PGD
from benchmark.noise import Noise
from benchmark.threat import Epsilon, Norm
from defenses.base import DefendedModel
from tests.attacks.conftest import decisions

EPSILON = Epsilon.parse("3/255")


def test_fgsm_and_bim_take_the_steps_of_torchattacks(network: nn.Module, images: Tensor) -> None:
    import torchattacks

    aim, noise = Aim(decisions(network, images)), Noise.of(0, range(24))
    composition = Composition(Norm.LINF, EPSILON, stop=Stop.NEVER)
    theirs = torchattacks.FGSM(network, eps=EPSILON.value)(images, aim.labels)
    assert torch.allclose(
        FGSM()(DefendedModel(network), images, aim, noise, composition).adversarial, theirs, atol=1e-6
    )
    theirs = torchattacks.BIM(network, eps=EPSILON.value, alpha=1 / 255, steps=6)(images, aim.labels)
    ours = BIM(steps=6, step_size="1/255")(DefendedModel(network), images, aim, noise, composition).adversarial
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_pgd_is_as_strong_as_foolbox(network: nn.Module, images: Tensor) -> None:
    import foolbox

    aim, noise = Aim(decisions(network, images)), Noise.of(0, range(24))
    ours = PGD(steps=20)(DefendedModel(network), images, aim, noise, Composition(Norm.LINF, EPSILON))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
        attack = foolbox.attacks.LinfPGD(steps=20, rel_stepsize=2.5 / 20)
        _, _, success = attack(model, images, aim.labels, epsilons=EPSILON.value)
    assert int(ours.success.sum()) >= int(success.sum()) - 1
