"""Attacks beside torchattacks and foolbox: same model, images and budget, timed in turns in one process.

    MEDROBUST_DATA=… python -m pytest tests/speed/test_attacks.py -s

Times are CPU seconds of the process on one thread, the least of `ROUNDS` turns, so that a busy machine disturbs them
little; on a GPU they would be wall seconds after a synchronisation. Nothing is asserted of times, only of accuracies.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from attacks.base import Attack, Composition, Outcome
from attacks.geometry.ball import Ball
from attacks.gradients.autograd import Autograd
from attacks.gradients.fast_copy import search_model
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from attacks.standard_v1 import StandardV1
from attacks.victim import Counter, Oracle
from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import train_classifier
from defenses.adversarial_training import AdversarialTraining
from defenses.base import FitData
from defenses.energy.langevin import langevin_chain
from defenses.energy.network import EnergyNetwork

ROUNDS = 3
BATCHES = (128, 512)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Subject:
    """A classifier, without and with adversarial training, and the images it is attacked on."""

    undefended: DefendedModel
    trained: DefendedModel
    images: LabeledImages


def subject(train: LabeledImages, validation: LabeledImages, evaluation: LabeledImages, classes: int) -> Subject:
    def silent(fraction: float, text: str) -> None:
        del fraction, text

    classifier = train_classifier(
        SmallCNN(), train, validation, classes=classes, seed=0, device=CPU, report=silent
    ).requires_grad_(True)
    defense = AdversarialTraining(epsilon="8/255")
    defense.fit(classifier, FitData(train, validation, classes, 0, CPU, silent))
    return Subject(DefendedModel(classifier), defense.defend(classifier), evaluation)


@pytest.fixture(scope="module")
def chest() -> Subject:
    root = os.environ.get("MEDROBUST_DATA")
    if not root:
        pytest.skip("MEDROBUST_DATA does not say where the images are")
    data = PneumoniaMNIST().load(root=Path(root), download=False)
    return subject(data.train, data.validation, data.evaluation, 2)


@pytest.fixture(scope="module")
def ten_classes() -> Subject:
    splits = [waves(count, name) for count, name in ((3000, "train"), (400, "validation"), (300, "evaluation"))]
    return subject(*splits, 10)


def waves(count: int, split: str) -> LabeledImages:
    """Ten kinds of wave, by direction and length, under noise."""
    labels = torch.arange(count) % 10
    noise = Noise.of(0, torch.arange(count)).stream(split)
    angle, cycles = math.pi * (labels % 5) / 5, torch.where(labels < 5, 2.0, 3.5)
    rows, columns = torch.meshgrid(torch.arange(28) / 28, torch.arange(28) / 28, indexing="ij")
    along = angle.cos()[:, None, None] * rows + angle.sin()[:, None, None] * columns
    phase, strength = noise.stream("phase").uniform((1, 1)), 0.04 + 0.2 * noise.stream("strength").uniform((1, 1, 1))
    images = 0.5 + strength * (2 * math.pi * (cycles[:, None, None] * along + phase)).sin()[:, None]
    images = (images + 0.1 * noise.normal((1, 28, 28))).clamp(0, 1)
    return LabeledImages((images * 255).round().to(torch.uint8), labels, tuple(f"{split}/{i}" for i in range(count)))


def ours(method: Attack, model: DefendedModel, images: LabeledImages, epsilon: str, batch: int) -> float:
    """Robust accuracy as the harness takes it: a clean pass, then the attack on what it got right."""
    x, y = images.floats(), images.labels
    with frozen(model), torch.no_grad():
        right = torch.cat([model.classifier(part).argmax(1) for part in x.split(batch)]) == y
    x, y, index = x[right], y[right], images.index[right]
    composition = Composition(
        Norm.LINF, Epsilon.parse(epsilon), method.default_objective(), search=search_model(model, x[:32])
    )
    parts = []
    for start in range(0, len(x), batch):
        rows = slice(start, start + batch)
        parts.append(method(model, x[rows], Aim(y[rows]), Noise.of(0, index[rows]), composition))
    return float((~Outcome.concatenate(parts).success).sum()) / len(images)


def torchattacks_pgd(model: nn.Module, images: LabeledImages, epsilon: float, steps: int, batch: int) -> float:
    import torchattacks

    attack = torchattacks.PGD(model, eps=epsilon, alpha=2.5 * epsilon / steps, steps=steps)
    return accuracy(model, images, attack, batch)


def torchattacks_auto(model: nn.Module, images: LabeledImages, epsilon: float, classes: int, batch: int) -> float:
    import torchattacks

    attack = torchattacks.AutoAttack(model, norm="Linf", eps=epsilon, version="standard", n_classes=classes)
    for member in attack._autoattack.attacks:
        if hasattr(member, "steps"):
            member.steps = 100
    return accuracy(model, images, attack, batch)


def foolbox_pgd(model: nn.Module, images: LabeledImages, epsilon: float, steps: int, batch: int) -> float:
    import foolbox

    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=2.5 / steps)
    standing = [~attack(wrapped, x, y, epsilons=epsilon)[2] for x, y in zip(*parts(images, batch), strict=True)]
    return float(torch.cat(standing).float().mean())


def bare_gradients(model: nn.Module, images: LabeledImages, steps: int, batch: int) -> float:
    """The least that an attack without early exit can cost: one gradient of every image and step, and nothing else."""
    with frozen(model):
        for _ in range(steps):
            for x, y in zip(*parts(images, batch), strict=True):
                leaf = x.clone().requires_grad_(True)
                torch.autograd.grad(cross_entropy(model(leaf), y, reduction="sum"), leaf)
    return math.nan


def parts(images: LabeledImages, batch: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    return images.floats().split(batch), images.labels.split(batch)


def accuracy(model: nn.Module, images: LabeledImages, attack: Callable[[Tensor, Tensor], Tensor], batch: int) -> float:
    right = 0
    for x, y in zip(*parts(images, batch), strict=True):
        adversarial = attack(x, y).detach()
        with torch.no_grad():
            right += int((model(adversarial).argmax(1) == y).sum())
    return right / len(images)


def side_by_side(title: str, ways: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Each way's accuracy, after `rounds` turns; prints seconds and how many times longer than the first each takes."""
    seconds = dict.fromkeys(ways, math.inf)
    result = {}
    for _ in range(rounds):
        for name, way in ways.items():
            with torch.random.fork_rng(devices=[]):
                started = time.process_time()
                result[name] = way()
                seconds[name] = min(seconds[name], time.process_time() - started)
    own = seconds[next(iter(ways))]
    print(f"\n{title}")
    for name in ways:
        print(f"  {name:>22}: {seconds[name]:7.2f} s  ×{seconds[name] / own:5.2f}  accuracy {result[name]:.4f}")
    return result


def fifty_steps(title: str, model: DefendedModel, images: LabeledImages, batch: int) -> None:
    network, epsilon = model.classifier.eval(), Epsilon.parse("8/255")
    found = side_by_side(
        f"PGD-50, ε = {epsilon}, {title}, {len(images)} images by {batch}",
        {
            "ours": lambda: ours(PGD(steps=50), model, images, epsilon.text, batch),
            "torchattacks": lambda: torchattacks_pgd(network, images, epsilon.value, 50, batch),
            "foolbox": lambda: foolbox_pgd(network, images, epsilon.value, 50, batch),
            "50 bare gradients": lambda: bare_gradients(network, images, 50, batch),
        },
    )
    # Random starts differ: two images in a thousand.
    assert found["ours"] <= min(found["torchattacks"], found["foolbox"]) + 0.002


@pytest.mark.parametrize("batch", BATCHES)
def test_pgd_on_an_adversarially_trained_model(chest: Subject, batch: int) -> None:
    fifty_steps("adversarially trained", chest.trained, chest.images, batch)


@pytest.mark.parametrize("batch", BATCHES)
def test_pgd_on_the_undefended_model(chest: Subject, batch: int) -> None:
    fifty_steps("undefended", chest.undefended, chest.images, batch)


@pytest.mark.parametrize("epsilon", ["8/255", "24/255", "48/255"])
@pytest.mark.parametrize("defense", ["undefended", "trained"])
def test_standard_v1_on_ten_classes(defense: str, epsilon: str, ten_classes: Subject) -> None:
    model, images = getattr(ten_classes, defense), ten_classes.images
    network = model.classifier.eval()
    found = side_by_side(
        f"standard-v1 and AutoAttack(100), K = 10, ε = {epsilon}, {defense}, {len(images)} images",
        {
            "ours": lambda: ours(StandardV1(), model, images, epsilon, 512),
            "torchattacks": lambda: torchattacks_auto(network, images, Epsilon.parse(epsilon).value, 10, 512),
        },
        rounds=1,
    )
    assert found["ours"] <= found["torchattacks"] + 0.01


def test_sixteen_draws_beside_sixteen_gradients(chest: Subject) -> None:
    """Expectation over transformation stacks its draws into the batch."""
    model, images = chest.trained, chest.images
    x, aim = images.floats(slice(0, 128)), Aim(images.labels[:128])
    noise = Noise.of(0, images.index[:128])
    shaken = DefendedModel(
        model.classifier, purify=lambda x, n: x + 0.05 * n.stream("noise").normal(x.shape[1:]), randomized=True
    )

    def evaluate(draws: int, times: int) -> float:
        objective = PGD().default_objective()
        with frozen(shaken):
            for step in range(times):
                Autograd(draws=draws)(shaken, objective, x, aim, noise.at(step))
        return math.nan

    side_by_side(
        "EOT of 16 draws, 128 images",
        {"16 plain gradients": lambda: evaluate(1, 16), "EOT(16)": lambda: evaluate(16, 1)},
        rounds=10,
    )


@pytest.mark.parametrize("votes", [4, 16, 64])
def test_verification_beside_one_image_at_a_time(votes: int, chest: Subject) -> None:
    """The second stage of the two-stage rule: all proposed images of a step in one batch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        energy = EnergyNetwork(architecture="lite", shape=(1, 28, 28), features=16, activation="soft-leaky-relu")
    energy.requires_grad_(False)

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return langevin_chain(energy, x, noise, steps=20, step=0.03, temperature=0.00045)

    model = DefendedModel(chest.trained.classifier, purify=purify, networks=[energy], votes=votes, randomized=True)
    x, labels, index = chest.images.floats(slice(0, 64)), chest.images.labels[:64], chest.images.index[:64]
    ball = Ball(Norm.LINF, 8 / 255, x)
    oracle = Oracle(model, Aim(labels), ball, Counter.zeros(64, CPU), torch.arange(64))
    noise, proposed = Noise.of(0, index), torch.ones(64, dtype=torch.bool)

    def together() -> float:
        with frozen(model):
            return float(oracle.verify(x, proposed, noise).float().mean())

    def one_by_one() -> float:
        with frozen(model):
            rows = torch.arange(64).split(1)
            return float(torch.cat([oracle[r].verify(x[r], proposed[r], noise[r]) for r in rows]).float().mean())

    found = side_by_side(
        f"verification of 64 images, {votes} votes, 20 Langevin steps",
        {"one batch": together, "one at a time": one_by_one},
    )
    assert found["one batch"] == found["one at a time"]
