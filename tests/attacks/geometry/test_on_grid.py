"""An attack on the 8-bit grid: what the model is shown, how strong it is, and what it cannot do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Aids, Attack, Composition, Outcome, Stop
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.ead import EAD
from attacks.fab import FAB
from attacks.fgsm import FGSM
from attacks.fmn import FMN
from attacks.geometry.ball import perturbation_size
from attacks.geometry.grid_ball import GridBall
from attacks.hopskipjump import HopSkipJump
from attacks.jsma import JSMA
from attacks.lbfgs import LBFGS
from attacks.mi_fgsm import MIFGSM
from attacks.nes import NES
from attacks.objectives.aim import Aim
from attacks.one_pixel import OnePixel
from attacks.pgd import PGD
from attacks.random_noise import RandomNoise
from attacks.square import Square
from attacks.standard_v1 import StandardV1
from attacks.uap import UniversalPerturbation
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.problem import color, grayscale
from tests.attacks.attacking import attack
from tests.attacks.networks import Linear, decisions

RUNS: list[tuple[Attack, Norm, float]] = [
    (FGSM(), Norm.LINF, 0.03),
    (BIM(steps=10), Norm.LINF, 0.03),
    (MIFGSM(steps=10), Norm.LINF, 0.03),
    (PGD(steps=10), Norm.LINF, 0.03),
    (PGD(steps=10), Norm.L2, 0.4),
    (PGD(steps=10), Norm.L1, 5),
    (CWLinf(steps=10), Norm.LINF, 0.03),
    (APGD(steps=10), Norm.LINF, 0.03),
    (StandardV1(steps=5, queries=20), Norm.LINF, 0.03),
    (RandomNoise(draws=32), Norm.LINF, 0.1),
    (NES(steps=5, pairs=5), Norm.LINF, 0.03),
    (Square(queries=30), Norm.LINF, 0.03),
    (HopSkipJump(queries=60), Norm.L2, 2),
    (DDN(steps=10), Norm.L2, 1),
    (LBFGS(searches=3, evaluations=10), Norm.L2, 1),
    (EAD(steps=20), Norm.L1, 10),
    (FAB(steps=5), Norm.LINF, 0.05),
    (DeepFool(steps=10), Norm.L2, 1),
    (FMN(steps=10), Norm.L0, 10),
    (JSMA(steps=10), Norm.L0, 10),
    (OnePixel(queries=40), Norm.L0, 10),
]


class Recording(nn.Module):
    """A network that keeps what it is asked about."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        logits: Tensor = self.network(x)
        return logits


def off_grid(x: Tensor) -> float:
    return float((x * 255 - (x * 255).round()).abs().max())


def on_grid(method: Attack, model: DefendedModel, x: Tensor, labels: Tensor, epsilon: float, norm: Norm) -> Outcome:
    composition = Composition(norm, Epsilon.parse(epsilon), on_grid=True)
    return method(model, x, Aim(labels), Noise.of(0, range(len(x))), composition)


@pytest.mark.parametrize(("method", "norm", "epsilon"), RUNS, ids=lambda v: getattr(v, "name", str(v)))
def test_every_image_shown_or_submitted_is_on_the_grid(method: Attack, norm: Norm, epsilon: float) -> None:
    task = color()
    images = task.correct(8)
    x = images.floats()
    network = Recording(task.classifier())
    outcome = on_grid(method, DefendedModel(network), x, images.labels, epsilon, norm)
    assert off_grid(torch.cat(network.seen)) < 1e-3
    assert off_grid(outcome.adversarial) < 1e-3
    assert perturbation_size(outcome.adversarial - x, norm).max() <= epsilon * (1 + 1e-5) + 1e-6
    assert torch.equal(outcome.success, task.trained(outcome.adversarial).argmax(1) != images.labels)


@pytest.mark.parametrize(("norm", "epsilon"), [(Norm.LINF, 8 / 255), (Norm.LINF, 3 / 255), (Norm.L2, 0.4)])
def test_it_breaks_about_as_many_as_off_the_grid(norm: Norm, epsilon: float) -> None:
    images = grayscale().correct(80)
    x, model = images.floats(), DefendedModel(grayscale().classifier())
    bound = on_grid(PGD(steps=20), model, x, images.labels, epsilon, norm)
    free = attack(PGD(steps=20), model, x, epsilon, norm=norm, aim=Aim(images.labels))
    assert free.success.sum() > 10
    assert abs(int(bound.success.sum()) - int(free.success.sum())) <= 4


@pytest.mark.parametrize("method", [PGD(steps=20), BIM(steps=10), APGD(steps=30)])
@pytest.mark.parametrize(("levels", "reached"), [(6.9, True), (7.1, False)])
def test_in_a_linear_model_the_whole_levels_count(method: Attack, levels: float, reached: bool) -> None:
    """With ε = 7.6 levels the furthest stored image is 7 levels away in every pixel."""
    weight = Noise.of(1, [0]).signs((1, 12, 12))[0]
    x = (0.2 + 0.6 * Noise.of(2, range(8)).uniform((1, 12, 12))).mul(255).round() / 255
    rows = []
    for row in x:
        value = float((row * weight).sum())
        network = Linear(weight, bias=levels / 255 * float(weight.abs().sum()) - value)
        found = on_grid(method, DefendedModel(network), row[None], decisions(network, row[None]), 7.6 / 255, Norm.LINF)
        rows.append(bool(found.success))
    assert rows == [reached] * len(x)


def test_steps_below_half_a_level_add_up() -> None:
    weight = Noise.of(1, [0]).signs((1, 12, 12))[0]
    x = torch.full((8, 1, 12, 12), 100 / 255)
    network = Linear(weight, bias=4 / 255 * float(weight.abs().sum()) - float((x[0] * weight).sum()))
    slow = BIM(steps=60, step_size=0.1 / 255)
    outcome = on_grid(slow, DefendedModel(network), x, decisions(network, x), 8 / 255, Norm.LINF)
    assert bool(outcome.success.all())


def test_a_random_start_is_rounded_within_the_ball() -> None:
    center = Noise.of(2, range(16)).uniform((1, 12, 12)).mul(255).round() / 255
    for norm, epsilon in ((Norm.LINF, 0.0301), (Norm.L2, 0.5), (Norm.L1, 4.0), (Norm.L0, 7.0)):
        ball = GridBall(norm, epsilon, center)
        x = ball.shown(ball.random(Noise.of(3, range(16))))
        assert off_grid(x) < 1e-3
        assert bool((x != center).flatten(1).any(1).all())
        assert float(ball.size(x).max()) <= epsilon * (1 + 1e-5) + 1e-6
        assert torch.equal(ball.shown(x), x)
        assert torch.equal(ball[torch.tensor([3, 5])].shown(x[[3, 5]]), x[[3, 5]])


def test_a_universal_perturbation_is_crafted_on_the_grid_too() -> None:
    task = grayscale()
    network, composition = Recording(task.classifier()), Composition(Norm.LINF, Epsilon.parse("0.03"), on_grid=True)
    model = DefendedModel(network)
    aids = Aids(model, composition, task.train, task.classes, (), 0, torch.device("cpu"))
    UniversalPerturbation(epochs=1, images=32).prepare(aids)
    assert off_grid(torch.cat(network.seen)) < 1e-3


def test_an_attack_that_never_stops_ends_on_the_grid() -> None:
    images = grayscale().correct(8)
    composition = Composition(Norm.LINF, Epsilon.parse("8/255"), stop=Stop.NEVER, on_grid=True)
    aim = Aim(images.labels, 1 - images.labels)
    model = DefendedModel(grayscale().classifier())
    outcome = BIM(steps=10)(model, images.floats(), aim, Noise.of(0, range(8)), composition)
    assert off_grid(outcome.adversarial) < 1e-3
