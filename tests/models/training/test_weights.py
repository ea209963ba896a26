from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmark.core.errors import UserError
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble
from benchmark.models.training.weights import load_into, load_weights, save_weights


def test_weights_come_back_bit_for_bit(tmp_path):
    model = assemble(SmallCNN(), shape=(1, 28, 28), classes=2, seed=1)
    model.set_operating_logit(-0.7)
    save_weights(model.state_dict(), tmp_path / "w.safetensors")
    other = assemble(SmallCNN(), shape=(1, 28, 28), classes=2, seed=2)
    load_into(other, tmp_path / "w.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_tied_weights_can_be_saved(tmp_path):
    layer = nn.Linear(3, 3)
    network = nn.Sequential(layer, layer)
    save_weights(network.state_dict(), tmp_path / "w.safetensors")
    load_into(network, tmp_path / "w.safetensors")


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999))
def test_a_file_cut_short_anywhere_is_one_clear_error(tmp_path_factory, share):
    path = tmp_path_factory.mktemp("cut") / "w.safetensors"
    save_weights(nn.Linear(4, 3).state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="cannot be read") as caught:
        load_weights(path)
    assert str(path) in str(caught.value)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_a_pickle_is_refused_unread(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(path)
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such weights file"):
        load_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("network", "word"),
    [
        (nn.Linear(4, 2), r"weight has shape \(3, 4\), the network \(2, 4\)"),
        (nn.Linear(4, 3, bias=False), "bias is not in the network"),
        (nn.Sequential(nn.Linear(4, 3)), "0.weight is missing"),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path, network, word):
    save_weights(nn.Linear(4, 3).state_dict(), tmp_path / "w.safetensors")
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(UserError, match=word):
        load_into(network, tmp_path / "w.safetensors")
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
