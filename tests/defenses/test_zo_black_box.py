"""The black box: only asked, never changed, every question counted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.zeroth_order.black_box import BlackBox, StabilityLoss
from defenses.zeroth_order.estimators import coordinate_gradient_estimate, random_gradient_estimate, unit_sphere
from defenses.zeroth_order.purifier import Purifier
from defenses.zeroth_order.stability import StabilityObjective

SHAPE = (1, 12, 10)


def classifier() -> nn.Module:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(3)
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network(torch.zeros(2, *SHAPE))
    return network.train()


def purifier() -> Purifier:
    network = Purifier(SHAPE, latent=24, width=4, depth=2)
    network.initialise(torch.Generator().manual_seed(1))
    return network


def images(count: int) -> Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(2))


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(before: dict[str, Tensor], network: nn.Module) -> bool:
    return all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_answers_carry_no_gradient_and_leave_the_classifier_alone() -> None:
    network = classifier()
    before = state(network)
    x = images(9).requires_grad_()
    logits = BlackBox(network)(x)
    assert not logits.requires_grad
    assert same(before, network)  # batch statistics of a network in training mode would have moved
    assert all(module.training for module in network.modules())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert torch.equal(BlackBox(network)(x), logits)  # no dropout: the deployed model answers


@pytest.mark.parametrize("count", [1, 7, 20])
def test_random_directions_cost_one_query_each_and_one_more(count: int) -> None:
    black_box, decoder = BlackBox(classifier()), purifier().decoder
    d = decoder.grid.size
    loss = StabilityLoss(black_box, decoder, torch.tensor([0, 1, 2, 0, 1]))
    u = unit_sphere(Noise.of(0, range(5)).normal((count, d)))
    random_gradient_estimate(loss, torch.zeros(5, d), u, 0.005)
    assert black_box.queries == 5 * (count + 1)


def test_coordinates_cost_two_queries_each() -> None:
    black_box, decoder = BlackBox(classifier()), purifier().decoder
    d = decoder.grid.size
    coordinate_gradient_estimate(StabilityLoss(black_box, decoder, torch.tensor([0, 1, 2])), torch.zeros(3, d), 0.005)
    assert black_box.queries == 3 * 2 * d


def test_the_loss_at_a_point_is_the_cross_entropy_of_its_decoded_image() -> None:
    network, decoder = classifier(), purifier().decoder
    labels = torch.tensor([2, 0, 1])
    points = torch.randn(3, 50, decoder.grid.size, generator=torch.Generator().manual_seed(3))  # more than one chunk
    found = StabilityLoss(BlackBox(network), decoder, labels)(points)
    network.eval()
    with torch.no_grad():
        for row in range(3):
            expected = nn.functional.cross_entropy(
                network(decoder(points[row])), labels[row].expand(50), reduction="none"
            )
            assert torch.allclose(found[row], expected, atol=1e-6)


def test_coordinate_estimate_through_decoder_and_classifier_agrees_with_autograd() -> None:
    network, decoder = classifier().double(), purifier().decoder.double()
    labels = torch.tensor([0, 1, 2, 1])
    z = torch.randn(4, decoder.grid.size, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    estimate = coordinate_gradient_estimate(StabilityLoss(BlackBox(network), decoder, labels), z, 1e-5)
    network.eval()
    z.requires_grad_()
    (truth,) = torch.autograd.grad(nn.functional.cross_entropy(network(decoder(z)), labels, reduction="sum"), z)
    assert (estimate - truth).norm() < 1e-5 * truth.norm()


def test_a_training_step_reaches_denoiser_and_encoder_but_neither_decoder_nor_classifier() -> None:
    network, networks = classifier(), purifier()

    def estimate(loss: object, points: Tensor, noise: Noise) -> Tensor:
        assert callable(loss)
        return random_gradient_estimate(loss, points, unit_sphere(noise.normal((5, points.shape[1]))), 0.005)

    objective = StabilityObjective(sigma=0.2, gamma=1.0, denoising=0.0, estimate=estimate)
    noise = Noise.of(0, range(12))
    labels, weights = torch.tensor([0, 1, 2, 0] * 3), torch.ones(3)
    # A denoiser that starts as the identity passes no gradient to its first layers before its last has moved.
    nn.init.constant_([*networks.denoiser.parameters()][-2], 0.01)
    objective.surrogate(networks, BlackBox(network), images(12), labels, weights, noise).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in networks.encoder.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in networks.denoiser.parameters())
    assert all(p.grad is None for p in networks.decoder.parameters())
    assert all(p.grad is None for p in network.parameters())
