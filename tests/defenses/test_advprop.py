"""AdvProp's two kinds of batch normalisation: which images each sees, and which is deployed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.loop import Batch
from defenses.adversarial.two_norms import TwoNorms, auxiliary, join_norms, split_norms
from defenses.advprop import AdvProp
from tests.defenses.robust_and_brittle import fit_data, linear


def test_each_norm_follows_its_own_images_and_the_other_none():
    first = nn.BatchNorm2d(1, momentum=1.0)
    model = nn.Sequential(first, nn.Flatten(), nn.Linear(256, 2))
    assert split_norms(model) == 1
    x = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(16) % 2, torch.arange(16), torch.ones(2), Noise.of(0, torch.arange(16)), 0.5)
    shown: list[Tensor] = []
    model[0].auxiliary.register_forward_hook(lambda layer, given, _: shown.append(given[0]) if layer.training else None)
    loss = AdvProp(steps=2).batch_loss(model.train(), batch)
    (adversarial,) = shown
    # The main one has seen the batch alone, the auxiliary what the attack made of it alone.
    assert model[0].main.running_mean.item() == pytest.approx(x.mean().item(), abs=1e-6)
    assert model[0].auxiliary.running_mean.item() == pytest.approx(adversarial.mean().item(), abs=1e-6)
    assert 0 < (adversarial - x).abs().max() <= 8 / 255 + 1e-6
    assert not model[0].adversarial
    loss.backward()
    assert model[0].main.weight.grad is not None
    assert model[0].auxiliary.weight.grad is not None


def test_what_is_deployed_has_the_clean_norms_and_nothing_of_the_auxiliary_ones():
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2)
    x = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    names = set(model.state_dict())
    split_norms(model)
    for module in model.modules():
        if isinstance(module, TwoNorms):
            nn.init.constant_(module.auxiliary.weight, 3.0)
    model.eval()
    clean = model(x)
    with auxiliary(model):
        assert not torch.allclose(model(x), clean)
    join_norms(model)
    assert set(model.state_dict()) == names
    assert torch.equal(model(x), clean)


def test_a_norm_in_two_places_stays_one():
    norm = nn.BatchNorm1d(3)
    model = nn.Sequential(norm, nn.Linear(3, 3), norm)
    assert split_norms(model) == 1
    assert model[0] is model[2]
    join_norms(model)
    assert model[0] is model[2] is norm


def test_a_classifier_without_batch_normalisation_is_refused_with_what_to_use():
    with pytest.raises(UserError, match="no batch normalisation") as caught:
        AdvProp(epochs=1).fit(linear(), fit_data())
    assert "clean-and-adversarial" in str(caught.value)
