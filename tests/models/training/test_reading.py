from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from benchmark.core.errors import UserError
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.reading import Reading, head_number


class Listing(nn.Module):
    """Gives what it is given, and lists names of its outputs."""

    def __init__(self, **names):
        super().__init__()
        for key, value in names.items():
            setattr(self, key, value)

    def forward(self, x):
        return x.flatten(1)


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=20))
def test_a_sigmoid_is_turned_back_into_the_log_odds_that_it_was_made_of(odds):
    odds = torch.tensor(odds, dtype=torch.float64)
    found = Reading(outputs="sigmoid")(odds.sigmoid(), where="")
    assert torch.allclose(found, odds, rtol=1e-6, atol=1e-6)


def test_a_softmax_is_turned_back_into_logits_up_to_a_constant():
    logits = 2 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    found = Reading(outputs="softmax")(logits.softmax(1), where="")
    assert torch.allclose(found - found[:, :1], logits - logits[:, :1], atol=1e-5)
    # One of the classes against all others.
    alone = Reading(outputs="softmax", head=2)(logits.double().softmax(1), where="")
    others = logits[:, [0, 1, 3]].double().logsumexp(1)
    assert torch.allclose(alone, logits[:, 2].double() - others, atol=1e-6)


@pytest.mark.parametrize(("p", "least"), [(0.0, -88), (1.0, 16)])
def test_certainty_is_finite_keeps_its_side_and_has_no_gradient(p, least):
    p = torch.tensor([p], requires_grad=True)
    odds = Reading(outputs="sigmoid")(p, where="")
    assert odds.isfinite().all()
    assert abs(odds.item()) >= abs(least) - 1
    assert (odds > 0).item() == (least > 0)
    assert torch.autograd.grad(odds.sum(), p)[0].item() == 0


def test_a_head_is_the_log_odds_of_class_1():
    outputs = torch.tensor([[3.0, -1.0, 0.5], [0.0, 2.0, -4.0]])
    model = DeployedClassifier(Listing(), channels=1, classes=2, reading=Reading(head=2))
    assert torch.equal(model(outputs.view(2, 1, 1, 3)), torch.tensor([[0.0, 0.5], [0.0, -4.0]]))
    with pytest.raises(UserError, match=r"head = 3, and the network gave outputs of shape \(2, 3\)"):
        Reading(head=3)(outputs, where="")


@pytest.mark.parametrize("key", ["pathologies", "targets"])
def test_a_head_is_found_by_its_name_in_the_network_s_own_list(key):
    network = Listing(**{key: ["Edema", "", "Pneumonia", ""]})
    assert head_number(network, "Pneumonia", where="") == 2
    assert head_number(network, 1, where="") == 1
    with pytest.raises(UserError, match="0 outputs called 'Pneumona'") as caught:
        head_number(network, "Pneumona", where="")
    assert "Pneumonia" in caught.value.remedy
    with pytest.raises(UserError, match="2 outputs called ''"):
        head_number(network, "", where="")
    with pytest.raises(UserError, match="does not list") as caught:
        head_number(nn.Identity(), "Pneumonia", where="")
    assert "pathologies or targets" in caught.value.remedy


def test_outputs_that_are_not_what_they_are_said_to_be_are_found():
    logits = 3 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    right = {
        Reading(): logits,
        Reading(head=0): logits,
        Reading(outputs="sigmoid"): logits.sigmoid(),
        Reading(outputs="softmax"): logits.softmax(1),
    }
    for reading, outputs in right.items():
        assert reading.contradiction(outputs) == ""
    wrong = [
        (Reading(), logits.softmax(1), "probabilities, not logits"),
        # Many sigmoids do not sum to 1, and one of them may not spread: all of them tell.
        (Reading(head=0), 0.5 + 0.1 * logits.sigmoid(), "probabilities, not logits"),
        (Reading(outputs="sigmoid"), logits, "the network gave -"),
        (Reading(outputs="softmax"), logits, "the network gave -"),
        (Reading(outputs="softmax"), logits.sigmoid(), "does not sum to 1"),
    ]
    for reading, outputs, words in wrong:
        assert words in reading.contradiction(outputs)
