"""The model a defense leaves behind, whatever the number of rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise


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
