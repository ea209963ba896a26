"""The compression rate of purifiers of which it is known, and what a board says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from attacks.gradients.bpda import BPDA
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.diagnoses.compression import compression
from benchmark.evaluation.flags.probe import Probe
from benchmark.records.defense_record import DefenseTraits
from defenses.energy.langevin import langevin_chain

STEP, TEMPERATURE, STEPS = 0.1, 0.05, 7
STIFFNESS = 0.3
"""Of an energy s T / ε² · ‖x‖², along which a Langevin step multiplies by 1 − s."""


def probe(purify: Callable[[Tensor, Noise], Tensor], images: Tensor, batch: int = 400) -> Probe:
    head = nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), 2))
    model = DefendedModel(head, purify=purify, votes=3, randomized=True)
    labels, noise = torch.zeros(len(images), dtype=torch.int64), Noise.of(2, range(len(images)))
    traits = DefenseTraits(randomized=True, purifier=True)
    return Probe(model, head, traits, images, labels, noise, Norm.LINF, 0.05, BPDA(), 5, BatchSize(batch))


def images(count: int = 20) -> Tensor:
    return 0.2 + 0.6 * Noise.of(7, range(count)).uniform((1, 6, 6))


def quadratic_well(x: Tensor) -> Tensor:
    return STIFFNESS * TEMPERATURE / STEP**2 * x.flatten(1).square().sum(1)


def langevin(x: Tensor, noise: Noise) -> Tensor:
    return langevin_chain(quadratic_well, x, noise, steps=STEPS, step=STEP, temperature=TEMPERATURE)


@pytest.mark.parametrize(
    ("purify", "rate"),
    [
        (lambda x, noise: 0.4 * x, 0.4),
        (lambda x, noise: 0.4 * x + noise.normal(x.shape[1:]), 0.4),
        (langevin, (1 - STIFFNESS) ** STEPS),
        (lambda x, noise: 0 * x, 0.0),
    ],
    ids=["scaled", "scaled with noise", "Langevin chain on a quadratic well", "constant"],
)
def test_a_linear_purifier_has_its_slope(purify: Callable[[Tensor, Noise], Tensor], rate: float) -> None:
    """Whatever it draws: noise that both images of a pair get moves neither towards the other."""
    found = compression(probe(purify, images()))
    for name in ("beside", "between"):
        assert found[name] == pytest.approx(rate, abs=1e-4)
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


def test_a_mean_of_pixels_takes_random_moves_away_and_leaves_grey_images_apart() -> None:
    """Of d independent moves a share 1 / d of the energy is that of their mean: a rate of √(1/36) about."""
    grey = images()[:, :, :1, :1].expand(-1, 1, 6, 6)
    found = compression(probe(lambda x, noise: x.mean((1, 2, 3), keepdim=True).expand_as(x), grey))
    assert found["between"] == pytest.approx(1, abs=1e-5)
    assert found["beside_high"] < 2 / 6


def test_the_interval_covers_a_mean_that_is_known() -> None:
    """Each image is multiplied by a number of its own, U(0, 1): the mean rate is a half."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return x * Noise(noise.key, noise.lanes).stream("own").uniform((1, 1, 1))

    covered = 0
    for start in range(40):
        some = probe(purify, images(12))
        some = some.on(some.images, some.labels, Noise.of(2, range(100 * start, 100 * start + 12)))
        found = compression(some)
        covered += found["beside_low"] <= 0.5 <= found["beside_high"]
    assert covered >= 33


def test_it_does_not_depend_on_batches_and_leaves_out_images_that_do_not_differ() -> None:
    def purify(x: Tensor, noise: Noise) -> Tensor:
        return x.square() + 0.1 * noise.normal(x.shape[1:])

    whole, parts = compression(probe(purify, images())), compression(probe(purify, images(), batch=8))
    assert whole == pytest.approx(parts, rel=1e-5)
    twins = images(6)
    twins[1] = twins[0]
    assert compression(probe(purify, twins))["between"] > 0
    assert set(compression(probe(purify, images(1)))) == {"n", "draws"}
