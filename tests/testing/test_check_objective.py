"""An objective that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

import pytest
import torch

from attacks.objectives.base import Objective
from benchmark.testing import check_objective


class Sound(Objective):
    """Keeps its contract."""

    name = "sound-objective"
    source = "a test"

    def __call__(self, logits, features, aim):
        return aim.margin(logits)


class OneForAll(Sound):
    name = "one-for-all"

    def __call__(self, logits, features, aim):
        return aim.margin(logits).mean()


class Mixes(Sound):
    name = "mixes"

    def __call__(self, logits, features, aim):
        margin = aim.margin(logits)
        return margin - margin.mean()


class Descends(Sound):
    name = "descends"

    def __call__(self, logits, features, aim):
        return -aim.margin(logits)


class Untargeted(Sound):
    name = "forgets-targets"

    def __call__(self, logits, features, aim):
        return -logits.gather(1, aim.labels[:, None]).squeeze(1)


class WithoutGradient(Sound):
    name = "without-gradient"

    def __call__(self, logits, features, aim):
        return aim.margin(logits.detach())


class Draws(Sound):
    name = "draws-globally"

    def __call__(self, logits, features, aim):
        return aim.margin(logits) + 0 * torch.rand(len(logits))


class Writes(Sound):
    name = "writes"

    def __call__(self, logits, features, aim):
        aim.labels[:1] = 1 - aim.labels[:1].clamp(max=1)
        return aim.margin(logits)


class Blind(Sound):
    name = "needs-no-features"

    def __call__(self, logits, features, aim):
        return aim.margin(logits) - features.penultimate.norm(dim=1)


def test_a_sound_objective_passes_as_an_instance_and_as_a_class():
    check_objective(Sound)
    check_objective(Sound())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (OneForAll, "no single value for each"),
        (Mixes, "its batches mix"),
        (Descends, "does not grow"),
        (Untargeted, "does not grow as the logits near the aim with a target"),
        (WithoutGradient, "lets no gradient through"),
        (Draws, "global random state"),
        (Writes, "writes into"),
        (Blind, "fails to be computed"),
    ],
)
def test_what_is_broken_is_said(broken, said):
    with pytest.raises(AssertionError, match=said):
        check_objective(broken)
