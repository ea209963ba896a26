"""Sizes of denoiser, encoder and decoder for images of any shape."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.images import LabeledImages
from defenses.zeroth_order.autoencoder import LatentGrid
from defenses.zeroth_order.purifier import Purifier


def purifier(shape: tuple[int, int, int], latent: int = 48, seed: int = 0) -> Purifier:
    network = Purifier(shape, latent=latent, width=4, depth=3)
    network.initialise(torch.Generator().manual_seed(seed))
    return network


@settings(max_examples=30, deadline=None)
@given(channels=st.integers(1, 4), height=st.integers(2, 70), width=st.integers(2, 70), latent=st.integers(1, 400))
def test_every_shape_comes_back_with_a_latent_of_the_stated_size(
    channels: int, height: int, width: int, latent: int
) -> None:
    network = purifier((channels, height, width), latent)
    x = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0))
    z = network.encoder(x)
    grid = network.encoder.grid
    rows, columns = grid.cells
    assert z.shape == (2, grid.size)
    assert max(rows, columns) <= 8
    assert abs(grid.size - latent) <= max(rows * columns / 2, rows * columns - latent)
    assert network.denoiser(x).shape == network(x).shape == x.shape
    assert 0 <= network(x).min() <= network(x).max() <= 1


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 28, 28), 4 * 7 * 7), ((3, 64, 64), 3 * 8 * 8), ((1, 30, 22), 4 * 8 * 6), ((3, 224, 224), 196)],
)
def test_the_latent_is_near_the_reference_s_192(shape: tuple[int, int, int], size: int) -> None:
    assert LatentGrid.of(shape, 192).size == size


def test_the_latent_is_not_rectified() -> None:
    z = purifier((1, 28, 28)).encoder(torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
    assert (z < 0).float().mean() > 0.2


def test_an_untrained_denoiser_is_the_identity() -> None:
    x = torch.rand(3, 3, 15, 9, generator=torch.Generator().manual_seed(2))
    assert torch.equal(purifier((3, 15, 9)).denoiser(x), x)


def test_making_networks_leaves_the_global_random_state_alone_and_repeats() -> None:
    before = torch.random.get_rng_state()
    first, second, other = purifier((1, 28, 28)), purifier((1, 28, 28)), purifier((1, 28, 28), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    assert torch.equal(first(x), second(x))
    assert not torch.equal(first(x), other(x))


def test_standardising_scales_the_latent_and_keeps_the_images() -> None:
    network = purifier((1, 28, 28))
    pixels = torch.randint(0, 256, (300, 1, 28, 28), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    samples = LabeledImages(pixels, torch.zeros(300, dtype=torch.int64), tuple(str(i) for i in range(300)))
    with torch.no_grad():
        for bias in (p for p in network.parameters() if p.dim() == 1):
            bias.normal_(generator=torch.Generator().manual_seed(5))
        before = network(samples.floats())
        network.standardise(samples, torch.device("cpu"))
        after = network(samples.floats())
        latents = network.encoder(samples.floats())
    assert torch.allclose(before, after, atol=1e-5)
    assert latents.var(0).mean() == pytest.approx(1, rel=1e-3)
