"""An attack that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import Attack, Attempt
from attacks.bim import BIM
from attacks.fgsm import FGSM
from attacks.searches.iterative import State
from benchmark.core.errors import UserError
from benchmark.core.threat import Access, Norm
from benchmark.testing import check_attack


class Sound(BIM):
    """Keeps its contract."""

    name = "sound"
    source = "a test"
    norms = frozenset({Norm.LINF})

    def __init__(self, *, steps: int = 3, step_size: float | None = None) -> None:
        super().__init__(steps=steps, step_size=step_size)


def test_a_sound_attack_passes_as_an_instance_and_as_a_class():
    check_attack(Sound)
    check_attack(Sound(steps=2))


class Untargeted(Sound):
    name = "untargeted"

    def run(self, victim, x, noise, stop):
        if victim.aim.targets is not None:
            raise UserError("it knows no targets")
        return super().run(victim, x, noise, stop)


def test_an_attack_that_refuses_targets_must_say_so():
    class Honest(Untargeted):
        name = "honest"
        takes_targets = False

    check_attack(Honest)
    with pytest.raises(AssertionError, match="it knows no targets"):
        check_attack(Untargeted)


def test_the_callers_random_state_is_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    check_attack(FGSM)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


class LeavesBall(Sound):
    name = "leaves-ball"

    def run(self, victim, x, noise, stop):
        return (x + 2 * victim.ball.epsilon).clamp(0, 1)


class LeavesRange(Sound):
    name = "leaves-range"

    def run(self, victim, x, noise, stop):
        victim.gradient(x, noise)
        return x - victim.ball.epsilon


class NotFinite(Sound):
    name = "not-finite"

    def run(self, victim, x, noise, stop):
        return torch.full_like(x, torch.nan)


class ChangesAtZero(Sound):
    """A spatial perturbation has no size that the base class could hold against its bound."""

    name = "changes-at-zero"
    norms = frozenset({Norm.SPATIAL})

    def run(self, victim, x, noise, stop):
        victim.scores(x, noise)
        return x.roll(1, 3)


class GivesUp(Sound):
    name = "gives-up"

    def run(self, victim, x, noise, stop):
        victim.gradient(x, noise)
        return x


class WorseWhenLarger(Sound):
    name = "worse-when-larger"

    def run(self, victim, x, noise, stop):
        found = super().run(victim, x, noise, stop)
        return Attempt(x) if victim.ball.epsilon > 0.1 else found


class TouchesLabels(Sound):
    name = "touches-labels"

    def run(self, victim, x, noise, stop):
        found = super().run(victim, x, noise, stop)
        victim.aim.labels.zero_()
        return found


class TouchesImages(Sound):
    name = "touches-images"

    def run(self, victim, x, noise, stop):
        found = super().run(victim, x, noise, stop)
        x.mul_(0.999)
        return Attempt(x.clone(), found.broken_at)


class TouchesModel(Sound):
    name = "touches-model"

    def run(self, victim, x, noise, stop):
        for parameter in victim.model.parameters():
            parameter.data.mul_(1.001)
        return super().run(victim, x, noise, stop)


class LeavesGradients(Sound):
    name = "leaves-gradients"

    def run(self, victim, x, noise, stop):
        for parameter in victim.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return super().run(victim, x, noise, stop)


class DrawsGlobally(Sound):
    name = "draws-globally"

    def start(self, victim, x, noise):
        shift = torch.from_numpy(np.random.uniform(-1, 1, x.shape)).float()  # noqa: NPY002
        return State(victim.ball.project(x + victim.ball.epsilon * shift))


class DrawsFromTorch(Sound):
    """The base class puts torch's state back, so only the outcome tells."""

    name = "draws-from-torch"

    def start(self, victim, x, noise):
        return State(victim.ball.project(x + victim.ball.epsilon * (2 * torch.rand_like(x) - 1)))


class Remembers(Sound):
    name = "remembers"

    def run(self, victim, x, noise, stop):
        self.calls_ = getattr(self, "calls_", 0) + 1
        self.steps = self.calls_
        return super().run(victim, x, noise, stop)


class MixesRows(Sound):
    name = "mixes-rows"

    def step(self, victim, state, noise):
        ascent = victim.gradient(state.x, noise).mean(0, keepdim=True).sign()
        return State(victim.ball.project(state.x + victim.ball.epsilon / 3 * ascent))


class HidesQueries(Sound):
    name = "hides-queries"

    def step(self, victim, state, noise):
        victim.model.classify(state.x)
        return super().step(victim, state, noise)


class AsksNothing(Attack):
    name = "asks-nothing"
    source = "a test"
    norms = frozenset({Norm.LINF})
    access = Access.SCORES

    def run(self, victim, x, noise, stop):
        return victim.ball.random(noise)


class TakesGradientsUnseen(Attack):
    name = "takes-gradients-unseen"
    source = "a test"
    access = Access.SCORES

    def run(self, victim, x, noise, stop):
        victim.scores(x, noise)
        model = victim._model
        leaf = x.clone().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(model.classify(leaf).sum(), leaf)
        return victim.ball.project(x + victim.ball.epsilon * gradient.sign())


class Crashes(Sound):
    name = "crashes"

    def run(self, victim, x, noise, stop):
        raise IndexError("index 3 is out of bounds")


class ConvertsSettings(Sound):
    name = "converts-settings"

    def __init__(self, *, steps: int = 3) -> None:
        super().__init__(steps=int(steps))


class RenamesSettings(Sound):
    name = "renames-settings"

    def __init__(self, *, number: int = 3) -> None:
        super().__init__(steps=number)


class Sourceless(Sound):
    name = "sourceless"
    source = ""


class Wordless(Sound):
    name = "wordless"

    def budget(self):
        return ""


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (LeavesBall, "left the L∞ ball"),
        (LeavesRange, "pixels outside [0, 1]"),
        (NotFinite, "not finite"),
        (ChangesAtZero, "changes images with ε = 0"),
        (GivesUp, "breaks none of 24 undefended images"),
        (WorseWhenLarger, "with a small ε and only 0 with a large one"),
        (TouchesLabels, "wrote into the images or labels"),
        (TouchesImages, "wrote into the images or labels"),
        (TouchesModel, "changes the classifier's weights or buffers"),
        (LeavesGradients, "changes the classifier's stored gradients"),
        (DrawsGlobally, "global random state of numpy"),
        (DrawsFromTorch, "when it is built again"),
        (Remembers, "the second time it is asked"),
        (MixesRows, "in batches of 1 + 7 + 16 (else it is `batch_coupled`)"),
        (HidesQueries, "forward passes and makes"),
        (AsksNothing, "asks the model nothing"),
        (TakesGradientsUnseen, "has access 'scores' and takes gradients"),
        (Crashes, "fails to attack images of shape (1, 28, 28) within L∞ ε = "),
        (ConvertsSettings, "the constructor must only store"),
        (RenamesSettings, "does not store setting 'number' unchanged"),
        (Sourceless, "has no `source`"),
        (Wordless, "states its budget with no words"),
    ],
)
def test_what_is_broken_is_said(complaint, attack, said):
    text = complaint(check_attack, attack)
    assert text.startswith(f"attack '{attack.name}' ")
    assert said in text
