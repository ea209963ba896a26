"""Every purifier's exact gradient: the slope of its chain with the noise fixed, at the memory of about √K states."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import load_plugins
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.plugin import registered
from defenses.base import Defense, FitData
from tests.defenses.chains.alive import Alive
from tests.defenses.pretrained.drawn import drawn_once

ROWS, SIDE = 8, 12
SMALL_ENERGY = {"features": 4, "iterations": 30, "batch_size": 8}
SMALL_BANK = {**SMALL_ENERGY, "bank_size": 40, "training_steps": 5, "temperature": 1e-4, "long_run_images": 0}
SMALL_DENOISER = {"width": 8, "iterations": 60, "batch_size": 8}


@dataclass(frozen=True)
class Purifier:
    """A purifier to be tested: its name, settings that train in a moment, and which of them is its chain's length.

    `folder` is the setting that takes a folder saved by diffusers, where there is one.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    length: str = "steps"
    folder: str = ""


PURIFIERS = [
    # One line for each; another with other settings where its steps are then of another kind.
    Purifier("ebm", SMALL_BANK),
    Purifier("conv-ebm", SMALL_BANK),
    Purifier(
        "ebm-reconstruction", {**SMALL_ENERGY, "steps": 2, "langevin_epsilon": 0.01, "temperature": 1e-4}, "descents"
    ),
    Purifier("score-purification", SMALL_DENOISER),
    Purifier("score-purification", {**SMALL_DENOISER, "adaptive": True}),
    Purifier("diffusion-purification", {**SMALL_DENOISER, "time": 100}),
    Purifier("pretrained-diffusion", {"time": 100}, folder="pipeline"),
]
every = pytest.mark.parametrize("purifier", PURIFIERS, ids=lambda p: f"{p.name}{p.settings.get('adaptive', '')}")


def test_no_purifier_with_an_exact_gradient_is_left_out() -> None:
    load_plugins()
    offered = {n for n, d in registered("defense").items() if d.exact_gradient and d.__module__.startswith("defenses.")}  # type: ignore[attr-defined]
    assert offered == {purifier.name for purifier in PURIFIERS}


def images() -> LabeledImages:
    # Discs on black, as the purifiers are made for: bright in the middle, constant at the border.
    grid = torch.arange(SIDE) - (SIDE - 1) / 2
    radius = torch.linspace(2, 5, 40)[:, None, None]
    pixels = 200 * torch.sigmoid(radius - (grid[:, None] ** 2 + grid**2).sqrt())
    return LabeledImages(pixels[:, None].to(torch.uint8), torch.arange(40) % 2, tuple(map(str, range(40))))


@cache
def fitted(name: str, settings: tuple[tuple[str, Any], ...]) -> Defense:
    load_plugins()
    defense = registered("defense")[name](**dict(settings))
    assert isinstance(defense, Defense)
    data = FitData(images(), images(), classes=2, seed=0, device=torch.device("cpu"), report=lambda *_: None)
    defense.fit(nn.Flatten(), data)
    return defense


def model(purifier: Purifier, steps: int) -> DefendedModel:
    """The purifier with a chain of `steps`, in double precision, before a classifier that gives the pixels back."""
    given = {purifier.folder: str(drawn_once())} if purifier.folder else {}
    trained = fitted(purifier.name, tuple({**purifier.settings, **given}.items()))
    defense = type(trained)(**{**trained.settings(), purifier.length: steps})
    defense.weights_ = trained.weights_
    return defense.defend(nn.Flatten()).double().requires_grad_(False)


def start() -> Tensor:
    return 0.3 + 0.4 * Noise.of(1, range(ROWS)).uniform((1, SIDE, SIDE), dtype=torch.float64)


@every
def test_its_exact_gradient_is_the_finite_difference_of_the_chain_with_its_noise_fixed(purifier: Purifier) -> None:
    subject, x, noise = model(purifier, 7), start(), Noise.of(0, range(ROWS))
    upstream, direction = (Noise.of(seed, range(ROWS)).normal(x.shape[1:], dtype=x.dtype) for seed in (2, 3))
    leaf = x.clone().requires_grad_(True)
    (pulled,) = torch.autograd.grad(subject.exact_purify(leaf, noise), leaf, upstream)

    def end(moved: Tensor) -> Tensor:
        return (subject.purify(moved, noise) * upstream).sum()

    h = 1e-6
    difference = (end(x + h * direction) - end(x - h * direction)) / (2 * h)
    assert abs((pulled * direction).sum() - difference) < 1e-5 * abs(difference)
    assert (pulled - upstream).norm() > 1e-2 * upstream.norm()  # BPDA is another


@every
def test_it_purifies_exactly_to_the_images_that_it_purifies_to(purifier: Purifier) -> None:
    subject, x, noise = model(purifier, 5), start(), Noise.of(0, range(ROWS))
    assert torch.equal(subject.exact_purify(x, noise), subject.purify(x, noise))
    assert not subject.purify(x.requires_grad_(True), noise).requires_grad


@every
def test_four_times_the_steps_take_as_many_states_more_as_their_square_roots(purifier: Purifier) -> None:
    short, x = 9, start()
    peaks = []
    for steps in (short, 4 * short):
        subject, leaf = model(purifier, steps), x.clone().requires_grad_(True)
        with Alive() as alive:
            purified = subject.exact_purify(leaf, Noise.of(0, range(ROWS)))
            torch.autograd.grad(purified.sum(), leaf)
        peaks.append(alive.peak)
    # √K states are kept and √K run again: 2 (√36 − √9) = 6, and 3 more for a chain after the first. All would be 27.
    assert (peaks[1] - peaks[0]) / (x.numel() * x.element_size()) <= 12
