"""The losses of TRADES and MART against closed forms, and the weights at which AWP takes a loss."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from benchmark.core.noise import Noise
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.loop import Batch
from defenses.adversarial.losses import divergence, mart_loss, trades_loss
from defenses.adversarial.maximisation import Budget
from defenses.adversarial.min_max import adversarial_loss, trades
from defenses.adversarial.weight_perturbation import at_worst_weights

EVEN = torch.ones(3, dtype=torch.float64)


def logits(seed: int, rows: int = 6, classes: int = 3) -> torch.Tensor:
    return 2 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LABELS = torch.tensor([0, 1, 2, 0, 1, 1])


@pytest.mark.parametrize("weights", [EVEN, torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)])
def test_trades_without_beta_is_the_clean_cross_entropy_and_its_rest_is_the_mean_divergence(weights):
    clean, adversarial = logits(0), logits(1)
    plain = cross_entropy(clean, LABELS, weight=weights)
    assert trades_loss(clean, adversarial, LABELS, weights, beta=0.0) == plain
    p, q = clean.softmax(1), adversarial.softmax(1)
    rows = (p * (p / q).log()).sum(1)
    rest = (weights[LABELS] * rows).sum() / weights[LABELS].sum()
    assert trades_loss(clean, adversarial, LABELS, weights, beta=6.0).item() == pytest.approx(
        (plain + 6 * rest).item(), rel=1e-12
    )


def test_trades_finds_the_largest_divergence_of_a_linear_model_in_closed_form():
    # Between sigmoid(z) and sigmoid(z + d) it grows with |d| on either side, and |d| is at most ε‖w‖₁.
    weight = torch.tensor([3.0, -2.0, 1.0, 0.5])
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    network[1].weight.data = torch.stack([torch.zeros(4), weight])
    x = torch.tensor([[0.4, 0.5, 0.6, 0.5], [0.6, 0.3, 0.5, 0.4]]).view(2, 1, 2, 2)
    batch = Batch(x, torch.tensor([0, 1]), torch.arange(2), torch.ones(2), Noise.of(0, torch.arange(2)), 0.0)
    epsilon = 0.05
    found = trades(1.0).attack(network, batch, Budget(epsilon, epsilon, 3))
    z = (x.flatten(1) @ weight).double()

    def closed(z: float, d: float) -> float:
        p, q = 1 / (1 + math.exp(-z)), 1 / (1 + math.exp(-z - d))
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

    with torch.no_grad():
        reached = divergence(network(x), network(found))
    side = torch.sign((found - x).flatten(1) @ weight)
    for row in range(2):
        expected = closed(z[row].item(), side[row].item() * epsilon * weight.abs().sum().item())
        assert reached[row].item() == pytest.approx(expected, rel=1e-4)


def test_the_boosted_cross_entropy_and_the_doubt_of_mart_are_those_of_its_equations():
    clean, adversarial = logits(2), logits(3)
    p, q = clean.softmax(1), adversarial.softmax(1)
    expected = []
    for row, y in enumerate(LABELS.tolist()):
        others = [q[row, k].item() for k in range(3) if k != y]
        boosted = -math.log(q[row, y].item()) - math.log(1 - max(others))
        distance = sum(p[row, k].item() * math.log(p[row, k].item() / q[row, k].item()) for k in range(3))
        expected.append(boosted + 5 * distance * (1 - p[row, y].item()))
    found = mart_loss(clean, adversarial, LABELS, EVEN, beta=5.0)
    assert found.item() == pytest.approx(sum(expected) / len(expected), rel=1e-12)


def test_mart_stays_finite_where_a_wrong_class_has_all_the_probability_that_single_precision_holds():
    sure = torch.tensor([[0.0, 200.0]], requires_grad=True)
    loss = mart_loss(sure, sure, torch.tensor([0]), torch.ones(2), beta=5.0)
    assert loss.item() == pytest.approx(400)
    (gradient,) = torch.autograd.grad(loss, sure)
    assert gradient.isfinite().all()


def test_awp_moves_each_matrix_by_gamma_of_its_norm_up_the_loss_and_gives_the_weights_back():
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2).train()
    x = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(8) % 2, torch.arange(8), torch.ones(2), Noise.of(0, torch.arange(8)), 0.0)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    steps = model.network[1].num_batches_tracked.clone()
    seen = []

    def loss(network):
        seen.append(adversarial_loss(network, x, batch))
        return seen[-1]

    gamma = 0.02
    at_worst_weights(model, loss, gamma=gamma).backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters()}
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())
    assert model.network[1].num_batches_tracked == steps + 1  # of the moved network's batch alone
    assert seen[1] > seen[0]

    # The same by hand: move a copy's weights, and take its gradient.
    plain = torch.autograd.grad(adversarial_loss(model, x, batch), tuple(model.parameters()))
    moved = {}
    for (name, weight), gradient in zip(weights.items(), plain, strict=True):
        v = gamma * weight.norm() * gradient / gradient.norm() if weight.dim() > 1 else torch.zeros_like(weight)
        if weight.dim() > 1:
            assert (v.norm() / weight.norm()).item() == pytest.approx(gamma, rel=1e-4)
        moved[name] = (weight + v).requires_grad_(True)
    there = adversarial_loss(lambda images: functional_call(model, moved, (images,)), x, batch)
    by_hand = torch.autograd.grad(there, tuple(moved.values()))
    for (name, gradient), expected in zip(found.items(), by_hand, strict=True):
        assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-6), name
