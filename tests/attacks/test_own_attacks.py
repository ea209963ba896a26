"""Every attack of the project's own, on every kind of input: channels, shapes, numbers of classes, one logit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Attack, Stop
from attacks.geometry.ball import perturbation_size
from attacks.lbfgs import LBFGS
from attacks.nes import NES
from attacks.objectives.aim import Aim
from attacks.random_noise import RandomNoise
from attacks.rotation_translation import RotationTranslation
from attacks.stadv import StAdv
from attacks.standard_v1 import StandardV1
from attacks.transfer import Transfer
from attacks.transfer_ensemble import TransferEnsemble
from attacks.uap import UniversalPerturbation
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Norm
from benchmark.models.training.deployed import DeployedClassifier
from tests.attacks.attacking import attack, prepared
from tests.attacks.networks import decisions, small_network

CASES = {
    "apgd": (APGD(steps=8), Norm.LINF, 0.1),
    "apgd-l2": (APGD(steps=8, loss="margin"), Norm.L2, 2.0),
    "apgd-targets": (APGD(steps=4, loss="margin", targets=9), Norm.LINF, 0.1),
    "random-noise": (RandomNoise(draws=20), Norm.LINF, 0.5),
    "random-noise-l2": (RandomNoise(draws=20), Norm.L2, 9.0),
    "nes": (NES(steps=6, pairs=20), Norm.LINF, 0.3),
    "nes-signs": (NES(steps=6, pairs=20, directions="signs"), Norm.L2, 9.0),
    "stadv": (StAdv(steps=10, smoothness=0), Norm.SPATIAL, 2),
    "rotation-translation": (RotationTranslation(angles=5, shifts=3), Norm.SPATIAL, 1),
    "lbfgs": (LBFGS(searches=6, evaluations=8), Norm.L2, 9.0),
    "uap": (UniversalPerturbation(epochs=2, images=60), Norm.LINF, 0.3),
    "transfer": (Transfer(steps=6), Norm.LINF, 0.3),
    "transfer-ensemble": (TransferEnsemble(proxies=2, steps=6), Norm.L2, 6.0),
    "standard-v1": (StandardV1(steps=4, queries=10), Norm.LINF, 0.1),
}
SHAPES = [(1, 30, 22), (3, 32, 32), (1, 16, 40)]
CLASSES = [1, 2, 3, 8]  # 1: one logit made into two


def victim(shape: tuple[int, int, int], classes: int, seed: int = 0) -> nn.Module:
    network = small_network(channels=shape[0], classes=classes, size=shape[1:], seed=seed)
    return DeployedClassifier(network, channels=shape[0], classes=max(2, classes)).eval()


def drawn(shape: tuple[int, int, int], count: int = 12) -> Tensor:
    images = 0.1 + 0.8 * Noise.of(5, range(count)).uniform(shape)
    images[:, :, :2] = 0  # a black border, as radiographs have
    return images


def _classes(model: nn.Module) -> int:
    classifier = model.classifier if isinstance(model, DefendedModel) else model
    assert isinstance(classifier, DeployedClassifier)
    return classifier.classes


def ready(method: Attack, model: nn.Module, x: Tensor, epsilon: float, norm: Norm) -> Attack:
    shape = (x.shape[1], x.shape[2], x.shape[3])
    proxies = tuple(victim(shape, _classes(model), seed) for seed in (0, 1))
    return prepared(copy.deepcopy(method), model, x, epsilon, norm=norm, proxies=proxies)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_it_runs_correctly_on_every_kind_of_input(name: str, shape: tuple[int, int, int], classes: int) -> None:
    method, norm, epsilon = CASES[name]
    model, x = victim(shape, classes), drawn(shape)
    method = ready(method, model, x, epsilon, norm)
    outcome = attack(method, model, x, epsilon, norm=norm)
    assert outcome.adversarial.shape == x.shape
    assert torch.equal(outcome.success, decisions(model, outcome.adversarial) != decisions(model, x))
    if norm is not Norm.SPATIAL:
        assert float(perturbation_size(outcome.adversarial - x, norm).max()) <= epsilon * (1 + 1e-5) + 1e-6
    if method.access in (Access.SCORES, Access.SURROGATE):
        assert int(outcome.backwards.max()) == 0
    # What cannot be broken is not broken: the bound that allows nothing.
    if norm is not Norm.SPATIAL:
        unmoved = attack(ready(method, model, x, 0, norm), model, x, 0, norm=norm)
        assert not bool(unmoved.success.any())


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("uap",)])
def test_a_target_is_the_only_success(name: str) -> None:
    method, norm, epsilon = CASES[name]
    shape = (3, 20, 16)
    model, x = victim(shape, 4), drawn(shape)
    method = ready(method, model, x, epsilon, norm)
    ranked = model(x).detach().argsort(1, descending=True)
    aim = Aim(ranked[:, 0], ranked[:, 1])
    for stop in Stop:
        outcome = attack(method, model, x, 4 * epsilon, norm=norm, aim=aim, stop=stop)
        assert torch.equal(outcome.success, outcome.logits.argmax(1) == aim.targets)


@pytest.mark.parametrize("name", CASES)
def test_a_whole_image_of_room_breaks_the_undefended(name: str) -> None:
    method, norm, _ = CASES[name]
    if name.startswith(("rotation", "random", "uap", "transfer")):
        pytest.skip("its reach does not grow with ε, or it does not see the model")
    shape = (1, 16, 14)
    model, x = victim(shape, 3), drawn(shape)
    widest = {Norm.LINF: 1.0, Norm.L2: 15.0, Norm.SPATIAL: 16.0}[norm]
    longer = {"nes": NES(steps=20, pairs=30), "nes-signs": NES(steps=20, pairs=30, directions="signs")}
    outcome = attack(longer.get(name, method), model, x, widest, norm=norm)
    assert float(outcome.success.float().mean()) == 1


@pytest.mark.parametrize("name", CASES)
def test_a_randomized_model_is_attacked_and_its_passes_are_counted(name: str) -> None:
    method, norm, epsilon = CASES[name]
    shape = (1, 14, 12)
    network, x = victim(shape, 2), drawn(shape)
    asked: list[int] = []

    def shaken(images: Tensor, noise: Noise) -> Tensor:
        asked.append(len(images))
        return images + 0.02 * noise.stream("defense").normal(images.shape[1:])

    model = DefendedModel(network, purify=shaken, randomized=True, votes=2)
    method = ready(method, model, x, epsilon, norm)
    asked.clear()
    outcome = attack(method, model, x, epsilon, norm=norm)
    # Twelve images are never padded but where few are left; the verdict is the base class's own.
    counted = int(outcome.forwards.sum()) + 2 * len(x)
    assert counted <= sum(asked) + 1
    assert counted >= 2 * len(x)
