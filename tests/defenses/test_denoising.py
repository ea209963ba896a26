"""The noise network and its training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.denoising.network import NoiseNetwork
from defenses.diffusion_purification import DiffusionPurification
from defenses.score_purification import ScorePurification


def bars(count: int = 80, size: int = 14) -> LabeledImages:
    """Bright bars on black, at places of their own."""
    place = torch.arange(count) % (size - 4)
    grid = torch.arange(size)
    inside = (grid >= place[:, None]) & (grid < place[:, None] + 4)
    pixels = (inside[:, None, None, :] * 220).expand(count, 1, size, size)
    return LabeledImages(pixels.to(torch.uint8), torch.arange(count) % 2, tuple(map(str, range(count))))


def fit_data(images: LabeledImages) -> FitData:
    return FitData(images, images, classes=2, seed=0, device=torch.device("cpu"), report=lambda *_: None)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 13, 22), (1, 9, 5)])
def test_noise_has_the_shape_of_any_image_and_is_of_that_image_alone(
    shape: tuple[int, int, int], conditional: bool
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = NoiseNetwork(shape[0], width=4, conditional=conditional)
        nn.init.normal_(network.out[-1].weight, std=0.1)  # type: ignore[arg-type]
    x, level = Noise.of(0, range(9)).normal(shape), torch.linspace(0.1, 0.9, 9)[:, None, None, None]
    with torch.no_grad():
        together = network(x, level if conditional else None)
        alone = torch.cat([network(x[i : i + 1], level[i : i + 1] if conditional else None) for i in range(9)])
    assert together.shape == x.shape
    assert (together != 0).any()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "defense",
    [
        ScorePurification(sigma=0.15, width=8, iterations=150, batch_size=16),
        DiffusionPurification(time=90, steps=5, eta=0, width=8, iterations=150, batch_size=16),
    ],
    ids=lambda d: d.name,
)
def test_a_short_training_takes_out_a_third_of_the_noise_that_it_puts_in_and_more(
    defense: ScorePurification | DiffusionPurification,
) -> None:
    images = bars()
    defense.fit(nn.Flatten(), fit_data(images))
    model = defense.defend(nn.Flatten())
    x = images.floats()
    purified = model.purify(x, Noise.of(0, range(len(x))))
    # √(1 − ᾱ) / √ᾱ is 0.3 at time 90, on a scale of two.
    assert float((purified - x).square().mean()) < 2 / 3 * 0.15**2


@pytest.mark.parametrize(
    ("defense", "message"),
    [
        (ScorePurification(lowest=0.4, highest=0.3), "above the highest"),
        (DiffusionPurification(time=5, steps=6), "do not fit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    defense: ScorePurification | DiffusionPurification, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        defense.fit(nn.Flatten(), fit_data(bars(8)))


def test_an_untrained_network_is_refused() -> None:
    with pytest.raises(UserError, match="not trained"):
        ScorePurification().defend(nn.Flatten())


def test_no_images_and_a_training_that_diverges_are_errors() -> None:
    images = bars(8)
    with pytest.raises(UserError, match="no training images"):
        ScorePurification().fit(nn.Flatten(), fit_data(images[torch.arange(0)]))
    wild = ScorePurification(width=4, iterations=30, learning_rate=1e30)
    with pytest.raises(UserError, match="diverged"):
        wild.fit(nn.Flatten(), fit_data(images))
    assert not wild.weights_
