"""A classifier that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.models.base import Classifier
from benchmark.models.small_cnn import SmallCNN
from benchmark.testing import check_classifier


class Linear(Classifier):
    """Keeps its contract."""

    name = "linear"
    source = "a test"

    def build(self, *, channels, classes, size):
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size[0] * size[1], 8), nn.ReLU(), self.head(classes))

    def head(self, classes):
        return nn.Linear(8, classes)


class OneLogit(Linear):
    """Keeps its contract: two classes by one log-odds."""

    name = "one-logit"

    def head(self, classes):
        return nn.Linear(8, 1 if classes == 2 else classes)


@pytest.mark.parametrize("classifier", [Linear, OneLogit, SmallCNN(width=4)])
def test_a_sound_classifier_passes(classifier):
    check_classifier(classifier)


class BatchStatistics(nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class Unseeded(nn.Linear):
    def reset_parameters(self):
        self.weight.data = torch.randn(self.weight.shape, generator=torch.Generator().manual_seed(torch.seed()))
        self.bias.data.zero_()


def changed(head):
    return type("Changed", (Linear,), {"name": "changed", "head": lambda self, classes: head(classes)})


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (lambda classes: nn.Sequential(nn.Linear(8, classes), nn.Softmax(1)), "gives probabilities, not logits"),
        (lambda classes: nn.Sequential(BatchStatistics(), nn.Linear(8, classes)), "other logits in another batch"),
        (
            lambda classes: nn.Linear(8, 7),
            "classify images of shape (1, 28, 28) and 2 classes: Sequential: the network gave outputs",
        ),
        (lambda classes: nn.Linear(9, classes), "fails to classify"),
        (lambda classes: nn.Sequential(nn.Linear(8, classes), nn.Threshold(1e9, 0.0)), "gradient that is zero"),
    ],
)
def test_what_is_broken_is_said(complaint, head, said):
    text = complaint(check_classifier, changed(head))
    assert text.startswith("classifier 'changed' ")
    assert said in text


def test_features_that_cannot_be_read_are_found(complaint):
    class Functional(Linear):
        name = "functional"

        def build(self, *, channels, classes, size):
            return nn.Sequential(nn.Flatten(), nn.Linear(channels * size[0] * size[1], classes))

    assert "features cannot be read" in complaint(check_classifier, Functional)


def test_weights_that_follow_no_seed_are_found(complaint):
    assert "other weights when it is built again" in complaint(check_classifier, changed(lambda c: Unseeded(8, c)))
