"""A gradient estimator that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attacks.gradients.autograd import Autograd
from benchmark.core.defended import Passes
from benchmark.testing import check_gradient


class Sound(Autograd):
    """Keeps its contract."""

    name = "sound-gradient"


class Flipped(Sound):
    name = "flipped"
    exact = False

    def __call__(self, *asked):
        found = super().__call__(*asked)
        return replace(found, gradient=-found.gradient)


class Halved(Sound):
    name = "halved"

    def __call__(self, *asked):
        found = super().__call__(*asked)
        return replace(found, gradient=found.gradient / 2)


class Mixed(Sound):
    name = "mixed"
    exact = False

    def __call__(self, *asked):
        found = super().__call__(*asked)
        return replace(found, gradient=found.gradient + 0.1 * found.gradient.mean(0))


class Ignorant(Sound):
    name = "ignorant"
    exact = False

    def link(self, model, x, noise):
        leaf = x.requires_grad_(True)
        return leaf, leaf


class Cheap(Sound):
    name = "cheap"

    def passes(self, model):
        return Passes(0, 0)


class SaysValues(Sound):
    name = "says-values"
    follows_values = True


def test_a_sound_estimator_passes():
    check_gradient(Sound)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Flipped, "climbs the margin of 0%"),
        (Halved, "is not the slope"),
        (Mixed, "in other company"),
        (Ignorant, "its logits are not those of the defended model"),
        (Cheap, "says that 16 images cost"),
        (SaysValues, "does not say truly whether it follows values"),
    ],
)
def test_what_is_broken_is_said(broken, said):
    with pytest.raises(AssertionError, match=said):
        check_gradient(broken)
