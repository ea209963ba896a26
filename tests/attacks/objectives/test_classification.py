from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attacks.objectives.aim import Aim, other_class
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.dlr import DifferenceOfLogitsRatio
from attacks.objectives.margin import Margin

logit = st.floats(-50, 50, width=32)


@given(st.lists(st.lists(logit, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(0, 2))
def test_the_margin_is_positive_only_where_the_aim_is_reached(rows: list[list[float]], label: int) -> None:
    logits = torch.tensor(rows)
    aim = Aim(torch.full((len(rows),), label))
    margin, reached = aim.margin(logits), aim.reached(logits)
    assert bool(reached[margin > 0].all())
    assert not bool(reached[margin < 0].any())


def test_cross_entropy_saturates_where_the_margin_does_not() -> None:
    """The reason why the margin is in every ensemble: at logits of a thousand, cross-entropy has no gradient left."""
    logits = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    aim = Aim(torch.tensor([0]))
    flat = torch.autograd.grad(CrossEntropy()(logits, None, aim).sum(), logits)[0]
    steep = torch.autograd.grad(Margin()(logits, None, aim).sum(), logits)[0]
    assert float(flat.abs().sum()) == 0
    assert steep.tolist() == [[-1.0, 1.0]]


def test_two_class_margin_and_cross_entropy_point_the_same_way() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 2.5]], requires_grad=True)
    aim = Aim(torch.tensor([0, 1]))
    a = torch.autograd.grad(CrossEntropy()(logits, None, aim).sum(), logits)[0]
    b = torch.autograd.grad(Margin()(logits, None, aim).sum(), logits)[0]
    assert torch.equal(a.sign(), b.sign())


def test_confidence_caps_the_margin() -> None:
    logits = torch.tensor([[0.0, 5.0]], requires_grad=True)
    value = Margin(confidence=2.0)(logits, None, Aim(torch.tensor([0])))
    assert value.item() == 2.0
    assert torch.autograd.grad(value.sum(), logits)[0].abs().sum() == 0


def test_dlr_does_not_change_when_logits_are_scaled() -> None:
    logits = torch.tensor([[1.0, 2.0, -1.0, 0.5], [0.2, 0.1, 0.0, -3.0]])
    for aim in (Aim(torch.tensor([0, 1])), Aim(torch.tensor([0, 1]), torch.tensor([2, 3]))):
        small, large = (DifferenceOfLogitsRatio()(scale * logits, None, aim) for scale in (1.0, 1000.0))
        assert torch.allclose(small, large, atol=1e-5)


def test_a_targeted_objective_grows_towards_its_target() -> None:
    near, far = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([[3.0, 1.0, 0.0]])
    aim = Aim(torch.tensor([0]), torch.tensor([2]))
    for objective in (CrossEntropy(), Margin()):
        assert objective(near, None, aim) > objective(far, None, aim)


def test_nan_logits_are_never_a_success() -> None:
    logits: Tensor = torch.tensor([[float("nan"), 0.0], [0.0, float("inf")]])
    assert not bool(Aim(torch.tensor([1, 0])).reached(logits).any())


def test_the_other_class_is_never_the_true_one() -> None:
    logits = torch.tensor([[9.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert other_class(torch.tensor([0, 1]), logits).tolist() == [2, 2]
