from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from benchmark.core.errors import UserError
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.operating_point import youden_logit
from benchmark.models.training.reading import gives_probabilities
from benchmark.models.training.weights import fill


class Constant(nn.Module):
    """Gives the same stored outputs whatever the image."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, x):
        return self.outputs


def images(rows, channels=1):
    return torch.zeros(rows, channels, 4, 4)


@given(
    odds=st.lists(st.floats(-8, 8), min_size=1, max_size=20),
    threshold=st.floats(0.01, 0.99),
    one_logit=st.booleans(),
    common=st.floats(-5, 5),
)
def test_argmax_is_the_decision_at_the_operating_threshold(odds, threshold, one_logit, common):
    odds = torch.tensor(odds, dtype=torch.float64)
    outputs = odds[:, None] if one_logit else torch.stack([torch.full_like(odds, common), odds + common], dim=1)
    model = DeployedClassifier(Constant(outputs), channels=1, classes=2)
    cut = math.log(threshold / (1 - threshold))
    model.set_operating_logit(cut)
    probability = 1 / (1 + (-odds).exp())
    clear = (odds - cut).abs() > 1e-5
    decisions = model(images(len(odds))).argmax(1)
    assert torch.equal(decisions[clear] == 1, probability[clear] >= threshold)
    assert model.operating_threshold == pytest.approx(threshold, abs=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_logit_has_the_loss_and_gradient_of_binary_cross_entropy(shape):
    odds = torch.tensor([-2.0, 0.5, 3.0]).view(shape).requires_grad_(True)
    labels = torch.tensor([0, 0, 1])
    logits = DeployedClassifier(Constant(odds), channels=1, classes=2)(images(3))
    loss = nn.functional.cross_entropy(logits, labels)
    reference = nn.functional.binary_cross_entropy_with_logits(odds.flatten(), labels.float())
    assert loss.item() == pytest.approx(reference.item(), abs=1e-6)
    (a,) = torch.autograd.grad(loss, odds, retain_graph=True)
    (b,) = torch.autograd.grad(reference, odds)
    assert torch.allclose(a, b, atol=1e-6)
    assert (a != 0).all()


def test_pixels_are_normalised_by_channel_before_the_network():
    model = DeployedClassifier(
        nn.Flatten(), channels=2, classes=2, mean=torch.tensor([0.5, 0.25]), std=torch.tensor([0.5, 0.25])
    )
    assert torch.equal(model(torch.tensor([[[[1.0]], [[0.0]]]])), torch.tensor([[1.0, -1.0]]))


def test_the_threshold_travels_with_the_weights():
    model, other = (DeployedClassifier(nn.Flatten(), channels=2, classes=2) for _ in range(2))
    model.set_operating_logit(1.5)
    fill(other, model.state_dict(), where="")
    x = torch.rand(5, 2, 1, 1)
    assert torch.equal(other(x), model(x))
    assert other.operating_threshold == pytest.approx(1 / (1 + math.exp(-1.5)))


def test_grayscale_is_repeated_for_an_rgb_network_and_other_channels_are_refused():
    network = nn.Sequential(nn.Conv2d(3, 2, 4), nn.Flatten())
    gray = torch.rand(3, 1, 4, 4)
    model = DeployedClassifier(network, channels=1, classes=2, rgb=True)
    assert torch.allclose(model(gray), network(gray.repeat(1, 3, 1, 1)))
    with pytest.raises(UserError, match="RGB"):
        DeployedClassifier(network, channels=4, classes=2, rgb=True)
    for wrong in (gray.repeat(1, 3, 1, 1), gray[0]):
        with pytest.raises(UserError, match="shape"):
            model(wrong)


@pytest.mark.parametrize("shape", [(3, 1), (3, 4), (2, 3), (3, 3, 1)])
def test_outputs_that_are_not_logits_of_every_class_are_refused(shape):
    with pytest.raises(UserError, match="shape"):
        DeployedClassifier(Constant(torch.zeros(shape)), channels=1, classes=3)(images(3))


def test_probabilities_are_told_from_logits():
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 3
    assert gives_probabilities(logits.softmax(1))
    assert gives_probabilities(logits[:, 0].sigmoid())
    assert gives_probabilities(logits[:, :1].sigmoid())
    for outputs in (logits, logits.log_softmax(1), logits[:, :1], logits.sigmoid(), torch.full((9, 1), 0.3)):
        assert not gives_probabilities(outputs)


@given(st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 1)), min_size=1, max_size=25))
def test_youden_is_the_best_of_all_thresholds_and_the_nearest_to_one_half(pairs):
    odds = torch.tensor([float(o) / 2 for o, _ in pairs])
    labels = torch.tensor([y for _, y in pairs])
    chosen = youden_logit(odds, labels)
    positive, negative = odds[labels == 1], odds[labels == 0]
    if len(positive) == 0 or len(negative) == 0:
        assert chosen == 0
        return

    def gain(cut):
        return int((positive >= cut).sum()) * len(negative) - int((negative >= cut).sum()) * len(positive)

    scores = sorted(set(odds.tolist()))
    cuts = [(low + high) / 2 for low, high in pairwise(scores)]
    highest = max((gain(cut) for cut in cuts), default=0)
    if highest <= 0:
        assert chosen == 0
    else:
        assert chosen == min((cut for cut in cuts if gain(cut) == highest), key=lambda cut: (abs(cut), cut))


def test_youden_by_hand():
    odds = torch.tensor([-3.0, -1.0, 1.0, 2.0, 4.0])
    assert youden_logit(odds, torch.tensor([0, 0, 1, 0, 1])) == 0.0
    assert youden_logit(odds, torch.tensor([0, 0, 0, 1, 1])) == 1.5
    assert youden_logit(odds, torch.tensor([1, 1, 0, 0, 0])) == 0.0
    # −2 and 3 are equally good: the nearer to one half wins.
    assert youden_logit(odds, torch.tensor([0, 1, 1, 0, 1])) == -2.0
