from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.noise import Noise
from benchmark.steps.calibration import gaussian_noise


def images(rows, size=12, seed=0):
    """Images with many pixels at 0 and 1, where clipping bites."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(rows, 1, size, size, generator=generator) * 2 - 0.5).clamp(0, 1)


def sizes(noisy, clean):
    return (noisy.double() - clean.double()).flatten(1).norm(dim=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(1e-3, 3.0))
def test_each_image_moves_as_far_as_the_attack_moved_it(seed, largest):
    clean = images(10, seed=seed % 1000)
    l2 = torch.linspace(largest / 10, largest, 10)
    noisy = gaussian_noise(clean, l2, Noise.of(seed, range(10)))
    assert noisy.dtype == torch.float32
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert sizes(noisy, clean).tolist() == pytest.approx(l2.tolist(), rel=1e-4, abs=1e-6)


def test_without_clipping_it_is_gaussian():
    clean = torch.full((4, 1, 64, 64), 0.5)
    noisy = gaussian_noise(clean, torch.full((4,), 64 * 0.03), Noise.of(0, range(4)))
    z = (noisy - clean).flatten() / 0.03
    assert z.mean().item() == pytest.approx(0, abs=0.03)
    assert z.std().item() == pytest.approx(1, abs=1e-3)
    assert (z.abs() > 1.96).float().mean().item() == pytest.approx(0.05, abs=0.01)


def test_no_perturbation_no_noise():
    clean = images(3)
    assert torch.equal(gaussian_noise(clean, torch.zeros(3), Noise.of(0, range(3))), clean)


def test_a_size_out_of_reach_gives_the_largest_noise_there_is():
    clean = images(2)
    noisy = gaussian_noise(clean, torch.full((2,), 1e3), Noise.of(0, range(2)))
    assert torch.isfinite(noisy).all()
    assert set(noisy.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(noisy, gaussian_noise(clean, torch.full((2,), 1e6), Noise.of(0, range(2))))


def test_the_noise_of_an_image_is_its_own(monkeypatch):
    clean, size, ids = images(9), torch.linspace(0.01, 0.2, 9), torch.arange(100, 109)
    together = gaussian_noise(clean, size, Noise.of(5, ids))
    monkeypatch.setattr("benchmark.steps.calibration._ROWS", 4)
    assert torch.equal(gaussian_noise(clean, size, Noise.of(5, ids)), together)
    order = torch.tensor([3, 0, 8, 1, 7, 2, 6, 4, 5])
    assert torch.equal(gaussian_noise(clean[order], size[order], Noise.of(5, ids[order])), together[order])
    assert not torch.equal(gaussian_noise(clean, size, Noise.of(6, ids)), together)
    repeated = gaussian_noise(clean[:1].repeat(2, 1, 1, 1), size[-1:].repeat(2), Noise.of(5, ids[:2]))
    assert not torch.equal(repeated[0], repeated[1])
