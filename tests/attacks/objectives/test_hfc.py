from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import ledoit_wolf
from torch import Tensor, nn

from attacks.base import Attack, Composition, Stop
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.hfc import HierarchicalFeatureConstraint
from attacks.pgd import PGD
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.features import Features, recording
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.extraction import extract
from tests.attacks.networks import decisions

EPSILON = Epsilon.parse("8/255")


def reference(network: nn.Module, count: int = 200) -> tuple[Features, Tensor]:
    train = 0.2 + 0.6 * Noise.of(11, range(count)).uniform((1, 12, 12))
    return extract(network, iter(train.split(50))), torch.arange(count) % 2


def constraint(network: nn.Module, attack: Attack, **settings: Any) -> HierarchicalFeatureConstraint:
    objective = HierarchicalFeatureConstraint.from_settings(settings, where="test", base=attack.default_objective())
    features, labels = reference(network)
    objective.fit(features, labels, 2)
    return objective


@pytest.mark.parametrize("attack", [BIM(steps=6), PGD(steps=6), CWLinf(steps=6, confidence=3.0)], ids=lambda a: a.name)
def test_without_weight_it_is_the_base_attack_bit_for_bit(attack: Attack, network: nn.Module, images: Tensor) -> None:
    labels = decisions(network, images)
    aim, noise, model = Aim(labels, 1 - labels), Noise.of(0, range(24)), DefendedModel(network)
    base = attack(model, images, aim, noise, Composition(Norm.LINF, EPSILON, stop=Stop.NEVER))
    objective = constraint(network, attack, weight=0.0)
    constrained = attack(model, images, aim, noise, Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER))
    assert torch.equal(base.adversarial, constrained.adversarial)


def test_the_penalty_is_half_the_squared_mahalanobis_distance_per_channel(network: nn.Module, images: Tensor) -> None:
    objective = constraint(network, BIM())
    with torch.no_grad(), recording(network) as features:
        network(images)
    train, labels = reference(network)
    wanted = torch.ones(24, dtype=torch.int64)
    expected = torch.zeros(24, dtype=torch.float64)
    for layer, normal in zip(features.layers, train.layers, strict=True):
        of_class = normal[labels == 1].double().numpy()
        covariance = torch.from_numpy(ledoit_wolf(of_class)[0])
        inverse = torch.linalg.inv(covariance).numpy()
        distance = [mahalanobis(f, of_class.mean(0), inverse) ** 2 for f in layer.double().numpy()]
        expected += torch.tensor(distance) / (2 * layer.shape[1])
    assert torch.allclose(objective.penalty(features, wanted).double(), expected, rtol=1e-3)


def test_it_keeps_features_nearer_to_the_target_class(network: nn.Module, images: Tensor) -> None:
    labels = decisions(network, images)
    aim, model, noise = Aim(labels, 1 - labels), DefendedModel(network), Noise.of(0, range(24))
    objective = constraint(network, BIM(), weight=1.0)

    def penalty(x: Tensor) -> Tensor:
        with torch.no_grad(), recording(network) as features:
            network(x)
        return objective.penalty(features, 1 - labels)

    base = BIM(steps=40)(model, images, aim, noise, Composition(Norm.LINF, EPSILON, stop=Stop.NEVER))
    hidden = BIM(steps=40)(model, images, aim, noise, Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER))
    assert penalty(hidden.adversarial).mean() < penalty(base.adversarial).mean()


def test_the_nearest_component_is_the_one_constrained() -> None:
    """Two far apart components: the distance is to the closer one, whichever class mean would say."""
    left, right = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), None
    right = left + 40
    features = Features([torch.cat([left, right, left, right])], None)
    objective = HierarchicalFeatureConstraint(base=CrossEntropy(), components=2)
    objective.fit(features, torch.tensor([0] * 200 + [1] * 200), 2)
    probe = Features([torch.cat([left.mean(0, keepdim=True), right.mean(0, keepdim=True)])], None)
    assert objective.penalty(probe, torch.tensor([0, 0])).max() < 0.1


def test_too_few_images_of_a_class_is_an_error(network: nn.Module) -> None:
    features, _ = reference(network, 40)
    objective = HierarchicalFeatureConstraint(base=CrossEntropy())
    with pytest.raises(UserError, match="class 1 has 1 training images"):
        objective.fit(features, torch.tensor([0] * 39 + [1]), 2)


def test_the_gradient_at_the_penultimate_layer_keeps_one_direction() -> None:
    """Theorem 1 of the paper: for a binary linear head ∇_z J = (1 − p_t)(w_t − w_s), up to sign, wherever z is."""
    head = nn.Linear(16, 2)
    z = torch.randn(10, 16, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    target = torch.ones(10, dtype=torch.int64)
    value = CrossEntropy()(head(z), None, Aim(1 - target, target))
    gradient = torch.autograd.grad(value.sum(), z)[0]
    cosine = nn.functional.cosine_similarity(gradient, (head.weight[1] - head.weight[0]).expand_as(gradient))
    assert torch.allclose(cosine, torch.ones(10), atol=1e-5)
