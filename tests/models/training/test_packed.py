"""A network of this process as another one makes it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.models.given import Given, held
from benchmark.models.training.packed import PackedNetwork

PROGRAM = """
import torch
from torch import nn
from benchmark.models.training.packed import PackedNetwork
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.names = {"lung", "heart", "bone"}
        self.layer = nn.Linear(2, 2)
torch.manual_seed(0)
print(PackedNetwork.of(Net()).code)
print(PackedNetwork.of(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))).digest())
"""


class Tied(nn.Module):
    """Shares a weight, and keeps numbers that are in no state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("unsaved", torch.randn(4), persistent=False)
        self.plain = torch.randn(4)
        self.first.bias.requires_grad_(False)
        self.dropout = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.second(self.first(x)) + self.unsaved * self.plain)


def test_it_answers_alike_shares_what_was_shared_and_is_its_own(tmp_path: Path) -> None:
    network, x = Tied(), torch.randn(3, 4)
    packed = PackedNetwork.of(network)
    assert network.training
    assert network.dropout.training
    packed.write(tmp_path)
    with torch.no_grad():
        wanted = network.eval()(x)
    for source in (packed, PackedNetwork.read(tmp_path)):
        copy = source.network()
        assert not copy.training
        assert isinstance(copy, Tied)
        assert copy.second.weight is copy.first.weight
        assert [p.requires_grad for p in copy.parameters()] == [p.requires_grad for p in network.parameters()]
        with torch.no_grad():
            assert torch.equal(copy(x), wanted)
            copy.first.weight.zero_()
            assert torch.equal(source.network()(x), wanted)


def test_its_hash_tells_weights_and_plain_attributes_apart() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.1))
    before = PackedNetwork.of(network).digest()
    assert PackedNetwork.of(network).digest() == before
    network[1].negative_slope = 0.2
    other = PackedNetwork.of(network).digest()
    with torch.no_grad():
        network[0].bias[0] += 1e-6
    assert len({before, other, PackedNetwork.of(network).digest()}) == 3


def test_hashes_are_those_of_the_next_start(
    tmp_path: Path, python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "own.py").write_text(PROGRAM)
    first, second = (python(str(tmp_path / "own.py"), PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert len(set(first.stdout.split())) == 2


def test_a_network_is_there_as_long_as_a_program_holds_it() -> None:
    network = nn.Linear(2, 2)
    with held(network) as classifier:
        built = Given(digest=classifier.digest).build(channels=1, classes=2, size=(1, 1))
        assert torch.equal(built.get_parameter("weight"), network.weight)
    with pytest.raises(UserError, match="no program holds"):
        classifier.build(channels=1, classes=2, size=(1, 1))
