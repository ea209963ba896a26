"""An attack in two lines, on any network, without a suite."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Attack
from attacks.cw_l2 import CWL2
from attacks.fgsm import FGSM
from attacks.geometry.ball import perturbation_size
from attacks.pgd import PGD
from attacks.square import Square
from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.plugin import registered
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.networks import decisions, small_network
from tests.test_contracts import SETTINGS

NEED_MORE = {
    "closest-guide": "detection",
    "detector-min": "detection",
    "kde-min": "detection",
    "lid-min": "detection",
    "random-guide": "detection",
    "transfer": "classifiers of the attacker's own",
    "transfer-ensemble": "classifiers of the attacker's own",
    "uap": "train=",
}
EPSILON = {Norm.LINF: 8 / 255, Norm.L2: 1.0, Norm.L1: 10.0, Norm.L0: 4.0, Norm.SPATIAL: 2.0}


def own_attacks() -> list[Any]:
    load_plugins()
    return [
        pytest.param(cast(type[Attack], cls), id=name)
        for name, cls in registered("attack").items()
        if cls.__module__.startswith("attacks.")
    ]


@pytest.fixture(scope="module")
def victim() -> tuple[nn.Module, Tensor, Tensor]:
    network = small_network(channels=1, classes=3, size=(12, 12))
    x = torch.rand(10, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    return network, x, decisions(network, x)


@pytest.mark.parametrize("cls", own_attacks())
def test_every_attack_works_by_itself_or_says_what_to_use(
    cls: type[Attack], victim: tuple[nn.Module, Tensor, Tensor]
) -> None:
    network, x, y = victim
    attack = cls(**SETTINGS.get(f"attack:{cls.name}", {}))
    norm = min(cls.norms, key=list(Norm).index)
    if cls.name in NEED_MORE:
        with pytest.raises(UserError) as caught:
            attack.attack(network, x, y, epsilon=EPSILON[norm], norm=norm)
        assert NEED_MORE[cls.name] in caught.value.remedy
        return
    network.train()
    network[0].weight.requires_grad_(False)  # type: ignore[index, union-attr]
    before, settings, kept = torch.get_rng_state(), repr(attack), x.clone()
    found = attack.attack(network, x, y, epsilon=EPSILON[norm], norm=norm)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(x, kept)
    assert repr(attack) == settings
    assert network.training
    assert [p.requires_grad for p in network.parameters()] == [False, *[True] * 5]
    assert all(p.grad is None for p in network.parameters())
    network.requires_grad_(True)
    assert found.shape == x.shape
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    if norm is not Norm.SPATIAL:
        assert float(perturbation_size(found - x, norm).max()) <= EPSILON[norm] * (1 + 1e-4) + 1e-6
    if not cls.batch_coupled:
        parted = attack.attack(network, x, y, epsilon=EPSILON[norm], norm=norm, batch_size=4)
        assert torch.equal(found, parted)


def test_pgd_breaks_at_least_as_many_as_torchattacks_and_foolbox() -> None:
    import foolbox
    import torchattacks

    images, model = grayscale().correct(120), grayscale().classifier()
    x, y, epsilon = images.floats(), images.labels, 3 / 255
    ours = int((decisions(model, PGD(steps=20).attack(model, x, y, epsilon="3/255")) != y).sum())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = torchattacks.PGD(model, eps=epsilon, alpha=2.5 * epsilon / 20, steps=20)(x, y)
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        _, _, fallen = foolbox.attacks.LinfPGD(steps=20, rel_stepsize=2.5 / 20)(wrapped, x, y, epsilons=epsilon)
    assert 10 < int(fallen.sum()) < 110
    assert ours >= int((decisions(model, plain.detach()) != y).sum())
    assert ours >= int(fallen.sum())


def test_one_logit_bytes_and_arrays_give_what_two_logits_and_floats_give() -> None:
    images, model = grayscale().correct(20), grayscale().classifier()

    class OneLogit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            logits = self.model(x)
            return logits[:, 1] - logits[:, 0]

    x, y = images.floats(), images.labels
    wanted = PGD(steps=5).attack(model, x, y, epsilon="8/255")
    assert torch.equal(PGD(steps=5).attack(model, x.double().numpy(), y.tolist(), epsilon="8/255"), wanted)
    assert torch.equal(PGD(steps=5).attack(model, images.pixels, y.numpy()[:, None], epsilon="8/255"), wanted)
    single = PGD(steps=5).attack(OneLogit(), x, y, epsilon="8/255")
    fallen = [int((decisions(model, found) != y).sum()) for found in (single, wanted)]
    assert fallen[0] == fallen[1] > 0


def test_targets_are_reached_and_images_that_are_wrong_come_back_as_they_were() -> None:
    network = small_network(classes=3)
    x = torch.rand(12, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    y = decisions(network, x)
    targets = (y + 1) % 3
    found = PGD(steps=40).attack(network, x, y, epsilon=1.0, targets=targets)
    assert torch.equal(decisions(network, found), targets)
    wrong = (y + 1) % 3
    assert torch.equal(PGD(steps=3).attack(network, x, wrong, epsilon=0.3), x)


SHAPES: list[tuple[dict[str, Any], str, str]] = [
    ({"epsilon": 8}, "allows more", '"8/255"'),
    ({"epsilon": 0}, "allows no perturbation", "more than 0"),
    ({"epsilon": "eight"}, "not a number", "8/255"),
    ({"norm": "l0"}, "cannot respect 'l0'", "'linf'"),
    ({"norm": "linfty"}, "cannot respect 'linfty'", "'linf'"),
    ({"images": torch.zeros(2, 12, 12)}, "[N, C, H, W]", "image[None]"),
    ({"images": torch.zeros(2, 12, 12, 3)}, "channels last", "permute(0, 3, 1, 2)"),
    ({"images": 255 * torch.ones(2, 1, 12, 12)}, "outside [0, 1]", "divide by 255"),
    ({"images": -torch.ones(2, 1, 12, 12)}, "outside [0, 1]", "normalise inside the model"),
    ({"images": torch.full((2, 1, 12, 12), torch.nan)}, "outside [0, 1]", "[0, 1]"),
    ({"images": torch.zeros(2, 1, 12, 12, dtype=torch.int64)}, "int64", "uint8"),
    ({"images": torch.zeros(2, 5, 12, 12)}, "cannot be asked", "channels"),
    ({"images": "none"}, "no array", "numpy"),
    ({"labels": [0, 3]}, "0 … 2", "logits"),
    ({"labels": [1, 3]}, "0 … 2", "labels - 1"),
    ({"labels": [0, -1]}, "from -1", "logits"),
    ({"labels": [0.5, 1.0]}, "no whole numbers", "from 0"),
    ({"labels": [0]}, "1 labels for 2 images", "one label"),
    ({"labels": np.eye(3)[:2]}, "[2, 3]", "argmax"),
    ({"model": "resnet"}, "no network", "torch.nn.Module"),
    ({"model": nn.Flatten(0, 1)}, "outputs of shape", "[B, K]"),
    ({"targets": [0, 7]}, "0 … 2", "logits"),
]


@pytest.mark.parametrize(("changed", "problem", "remedy"), SHAPES)
def test_wrong_input_is_named_with_its_remedy(changed: dict[str, Any], problem: str, remedy: str) -> None:
    given = {"images": torch.zeros(2, 1, 12, 12), "labels": [0, 1], "epsilon": "8/255", "norm": "linf"} | changed
    model = given.pop("model", small_network(classes=3))
    with pytest.raises(UserError) as caught:
        PGD(steps=1).attack(model, given.pop("images"), given.pop("labels"), **given)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_attacks_that_cannot_be_sent_to_one_class_say_so() -> None:
    network, x = small_network(), torch.zeros(1, 1, 12, 12)
    untargeted = [cls for cls in (PGD, FGSM, APGD, CWL2, Square) if not cls.takes_targets]
    for cls in untargeted:
        with pytest.raises(UserError, match="one class"):
            cls().attack(network, x, [0], epsilon=0.1, targets=[1])
