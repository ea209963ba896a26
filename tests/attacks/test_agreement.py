"""Agreement with independent implementations, as a user of theirs would call them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Attack, Stop
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.fgsm import FGSM
from attacks.geometry.ball import Ball
from attacks.nes import NES
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from attacks.random_noise import RandomNoise
from attacks.standard_v1 import StandardV1
from attacks.transfer import Transfer
from attacks.transfer_ensemble import TransferEnsemble
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.intervals import wilson
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, prepared
from tests.attacks.networks import decisions, small_network
from tests.attacks.templates import task

EPSILON = 3 / 255


def foolbox_success(name: str, model: nn.Module, x: Tensor, labels: Tensor, epsilon: float, **settings: Any) -> Tensor:
    """Which images an attack of foolbox breaks within `epsilon`: bool [B]."""
    import foolbox

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        _, _, success = getattr(foolbox.attacks, name)(**settings)(wrapped, x, labels, epsilons=epsilon)
    found: Tensor = success
    return found


def test_fgsm_bim_and_cw_linf_take_the_steps_of_torchattacks(network: nn.Module, images: Tensor) -> None:
    """With two classes the margin's gradient has the signs of cross-entropy's, so that CW-L∞ is BIM there."""
    import torchattacks

    labels = decisions(network, images)
    one = torchattacks.FGSM(network, eps=EPSILON)(images, labels)
    assert torch.allclose(attack(FGSM(), network, images, EPSILON, stop=Stop.NEVER).adversarial, one, atol=1e-6)
    six = torchattacks.BIM(network, eps=EPSILON, alpha=1 / 255, steps=6)(images, labels)
    for method in (BIM(steps=6, step_size="1/255"), CWLinf(steps=6, step_size="1/255")):
        ours = attack(method, network, images, EPSILON, stop=Stop.NEVER).adversarial
        assert torch.allclose(ours, six, atol=1e-6), method.name


@pytest.mark.parametrize(
    ("method", "norm", "epsilon", "theirs"),
    [
        (PGD(steps=20), Norm.LINF, 3 / 255, "LinfPGD"),
        (PGD(steps=20), Norm.L2, 0.3, "L2PGD"),
        (BIM(steps=20), Norm.LINF, 3 / 255, "LinfBasicIterativeAttack"),
        (BIM(steps=20), Norm.L2, 0.3, "L2BasicIterativeAttack"),
    ],
    ids=lambda value: value.name if isinstance(value, Attack) else str(value),
)
def test_pgd_and_bim_break_what_foolbox_breaks(method: BIM, norm: Norm, epsilon: float, theirs: str) -> None:
    images, model = grayscale().correct(120), grayscale().classifier()
    x, labels = images.floats(), images.labels
    ours = attack(method, model, x, epsilon, norm=norm, aim=Aim(labels)).success
    start = {} if "PGD" in theirs else {"random_start": False}
    found = foolbox_success(theirs, model, x, labels, epsilon, steps=20, rel_stepsize=method.reach / 20, **start)
    assert 10 < int(found.sum()) < 110
    assert int((ours != found).sum()) <= 1


@pytest.mark.parametrize(
    ("norm", "epsilon", "first", "theirs"),
    [
        (Norm.LINF, 0.2, 0, "LinfRepeatedAdditiveUniformNoiseAttack"),
        (Norm.L2, 4.0, 1, "L2RepeatedAdditiveGaussianNoiseAttack"),
    ],
    ids=["uniform in the box", "uniform on the sphere"],
)
def test_random_draws_break_as_many_as_foolbox_s(norm: Norm, epsilon: float, first: int, theirs: str) -> None:
    """Every other draw, which is foolbox's distribution; the rest it has not: corners in L∞, the inside in L2."""
    images, model = grayscale().correct(120), grayscale().classifier()
    x, labels = images.floats(), images.labels
    drawn = RandomNoise().candidates(Ball(norm, epsilon, x), Noise.of(0, range(120)), torch.arange(200))[:, first::2]
    ours = torch.stack([decisions(model, drawn[:, n]) != labels for n in range(100)]).any(0)
    found = foolbox_success(theirs, model, x, labels, epsilon, repeats=100)
    interval = wilson(int(found.sum()), 120)
    assert 10 < int(found.sum()) < 110
    assert interval.low <= float(ours.float().mean()) <= interval.high


def test_nes_breaks_no_fewer_than_torchattacks_spsa() -> None:
    """The same pairs and steps, signs for directions; its default of one step of 0.01 would not leave the spot."""
    import torchattacks

    images, model = grayscale().correct(60), grayscale().classifier()
    x, labels, epsilon = images.floats(), images.labels, 8 / 255
    method = NES(steps=10, pairs=32, directions="signs")
    ours, plain = (
        int(attack(m, model, x, epsilon, aim=Aim(labels)).success.sum())
        for m in (method, NES(steps=10, pairs=32, directions="signs", momentum=0.0))
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        spsa = torchattacks.SPSA(
            model, eps=epsilon, delta=0.01, lr=2.5 * epsilon / 10, nb_iter=10, nb_sample=32, max_batch_size=32
        )
        theirs = int((decisions(model, spsa(x, labels).detach()) != labels).sum())
    assert 5 < theirs < 55
    assert ours / 60 >= wilson(theirs, 60).low
    # What the running mean is for: theirs is Adam's.
    assert ours > plain


def test_transfer_takes_the_steps_of_torchattacks_on_the_proxies(images: Tensor) -> None:
    import torchattacks

    victim, first, second = (small_network(classes=3, seed=seed) for seed in range(3))
    labels = decisions(victim, images)

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([first, second])

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([part(x) for part in self.parts]).mean(0)

    settings: dict[str, Any] = {"steps": 6, "step_size": "1/255"}
    for method, proxy in ((Transfer(**settings), first), (TransferEnsemble(proxies=2, **settings), Mean().eval())):
        prepared(method, victim, images, EPSILON, proxies=(first, second))
        ours = attack(method, victim, images, EPSILON).adversarial
        theirs = torchattacks.MIFGSM(proxy, eps=EPSILON, alpha=1 / 255, steps=6)(images, labels)
        assert torch.allclose(ours, theirs, atol=1e-6), method.name


def test_standard_v1_breaks_what_torchattacks_autoattack_breaks_on_four_classes() -> None:
    """The fewest that its targeted losses can run on; ours here with a tenth of the queries for Square."""
    import torchattacks

    trial = task((1, 30, 22), 4, count=20)
    ours = attack(StandardV1(steps=10, queries=500), trial.classifier, trial.x, 0.02, aim=Aim(trial.labels)).success
    with torch.random.fork_rng(devices=[]):
        whole = torchattacks.AutoAttack(trial.classifier, norm="Linf", eps=0.02, n_classes=4, seed=0)
        found = decisions(trial.classifier, whole(trial.x, trial.labels).detach()) != trial.labels
    assert 3 < int(found.sum()) < 17
    assert int((ours | ~found).sum()) >= 19
