"""The model a defense leaves behind, whatever the number of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from defenses.energy.langevin import langevin_chain
from defenses.energy.network import EnergyNetwork


def test_many_rows_are_purified_as_few_are() -> None:
    """In parts where there are many: the same images, each with its own noise, and the same gradient."""
    seen: list[int] = []

    def purify(x: Tensor, noise: Noise) -> Tensor:
        seen.append(len(x))
        return x.square() + 0.1 * noise.normal(x.shape[1:])

    model = DefendedModel(nn.Flatten(), purify=purify, randomized=True)
    noise, x = Noise.of(0, range(1100)), Noise.of(1, range(1100)).uniform((1, 3, 3)).requires_grad_(True)
    whole = model.purify(x, noise)
    assert sum(seen) >= 1100
    assert max(seen) < 1100
    rows = torch.tensor([0, 511, 512, 1023, 1024, 1099])
    assert torch.equal(model.purify(x[rows], noise[rows]), whole[rows])
    (gradient,) = torch.autograd.grad(whole.sum(), x)
    assert torch.allclose(gradient, 2 * x)


def test_how_many_rows_go_through_a_purifier_at_a_time_changes_no_bit() -> None:
    network = EnergyNetwork(architecture="vanilla", shape=(1, 12, 12), features=4, activation="soft-leaky-relu")
    x, noise = Noise.of(1, range(37)).uniform((1, 12, 12)), Noise.of(0, range(37))

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return langevin_chain(network, x, noise, steps=3, step=0.01, temperature=5e-5)

    whole = DefendedModel(network, purify=purify, randomized=True).purify(x, noise)
    for rows in (8, 16, 30):
        parts = DefendedModel(network, purify=purify, randomized=True, cpu_rows=rows)
        assert torch.equal(parts.purify(x, noise), whole)
    assert EnergyNetwork(architecture="vanilla", shape=(1, 28, 28), features=32, activation="leaky-relu").cpu_rows == 64
