"""A defense whose traits are untrue, or that leaks, is told so, and one that keeps its contract is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.testing import check_defense
from defenses.base import Defense
from defenses.jpeg import JPEG


class Blur(Defense):
    """Keeps its contract."""

    name = "blur"
    source = "a test"
    purifier = True

    def defend(self, classifier):
        return DefendedModel(classifier, purify=lambda x, noise: self.purify(x, noise), randomized=self.randomized)

    def purify(self, x, noise):
        return nn.functional.avg_pool2d(x, 3, stride=1, padding=1)


class Learned(Blur):
    """Keeps its contract, and learns: subtracts a share of the mean training image."""

    name = "learned"

    def fit(self, classifier, data):
        self.weights_ = {"mean": data.train.floats().mean(0)}

    def purify(self, x, noise):
        return (x - 0.2 * self.weights_["mean"]).clamp(0, 1)


class Noisy(Blur):
    """Keeps its contract, and draws."""

    name = "noisy"
    randomized = True

    def purify(self, x, noise):
        return (x + 0.05 * noise.normal(x.shape[1:])).clamp(0, 1)


@pytest.mark.parametrize("defense", [Blur, Learned, Noisy, JPEG(quality=50)])
def test_a_sound_defense_passes(defense):
    check_defense(defense)


def test_surrogates_pass_by_name_and_a_single_one_without():
    check_defense(changed(surrogates=("identity", "half"), defend=with_surrogates(half=lambda x: x / 2)))
    single = lambda self, model: DefendedModel(model, purify=self.purify, surrogate=lambda x: x / 2)  # noqa: E731
    check_defense(changed(defend=single))


def test_a_defense_for_grayscale_alone_passes():
    class Grayscale(Blur):
        name = "grayscale-alone"

        def purify(self, x, noise):
            if x.shape[1] != 1:
                raise UserError("made for grayscale images")
            return super().purify(x, noise)

    check_defense(Grayscale)


def changed(**attributes):
    """A blur with some attributes replaced."""
    base = attributes.pop("base", Blur)
    return type("Changed", (base,), {"name": "changed", **attributes})


def shifted(self, x, noise):
    return (x - 0.1 * x.mean(0, keepdim=True)).clamp(0, 1)


def quantized(self, x, noise):
    """Rounding, with a gradient put in its place."""
    return x + ((x * 7).round() / 7 - x).detach()


def rounded(self, x, noise):
    return (x * 7).round() / 7


def numpy_noise(self, x, noise):
    return (x + torch.from_numpy(np.random.normal(0, 0.05, x.shape)).float()).clamp(0, 1)  # noqa: NPY002


def with_surrogates(**surrogates):
    """A blur's `defend` that offers surrogates."""
    return lambda self, classifier: DefendedModel(classifier, purify=self.purify, surrogates=surrogates)


def torch_noise(self, x, noise):
    return (x + 0.05 * torch.randn_like(x)).clamp(0, 1)


def one_draw_for_all(self, x, noise):
    return (x + 0.05 * noise[:1].normal(x.shape[1:])).clamp(0, 1)


def same_for_every_copy(self, x, noise):
    return (x + 0.05 * noise[torch.arange(len(x)) // 2 * 2].normal(x.shape[1:])).clamp(0, 1)


def drawn_once(self, x, noise):
    return (x + 0.05 * Noise.of(0, range(len(x))).normal(x.shape[1:])).clamp(0, 1)


def drawn_once_a_step(self, x, noise):
    """A chain of its own that puts its step in the place of the attack's."""
    return (x + 0.05 * replace(noise, step=0).normal(x.shape[1:])).clamp(0, 1)


class Unsealed(DefendedModel):
    def purify(self, x, noise):
        return self._purify(x, noise)


def unsealed(self, classifier):
    return Unsealed(classifier, purify=self.purify, randomized=True)


def counting(self, x, noise):
    self.calls_ = getattr(self, "calls_", 0) + 1
    return x * (1 - 0.01 * self.calls_)


def in_place(self, x, noise):
    return x.mul_(0.99)


def score_step(self, x, noise):
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(leaf.square().sum(), leaf)
    return x - 0.01 * slope


def learn_globally(self, classifier, data):
    self.weights_ = {"mean": nn.Linear(2, 2).weight.detach()}


def learn_from_gradients(self, classifier, data):
    x = data.train.floats(slice(0, 8)).requires_grad_()
    (gradient,) = torch.autograd.grad(classifier(x).sum(), x)
    self.weights_ = {"mean": gradient.mean(0)}


def tune(self, classifier, data):
    with torch.no_grad():
        next(iter(classifier.parameters())).mul_(1.01)


def set_train(self, classifier):
    classifier.train()
    return DefendedModel(classifier)


def another_classifier(self, classifier):
    return DefendedModel(nn.Sequential(classifier, nn.Softmax(1)))


def keep_objects(self, classifier, data):
    self.weights_ = {"threshold": 0.5}


def keep_elsewhere(self, classifier, data):
    self.mean_ = data.train.floats().mean(0)


def use_elsewhere(self, x, noise):
    return (x - self.mean_).clamp(0, 1)


class Exact(Blur):
    """Rounds, and offers what is said to be the exact gradient of that."""

    name = "changed-exact"
    differentiable = False
    exact_gradient = True

    def defend(self, classifier):
        return DefendedModel(
            classifier, purify=lambda x, noise: rounded(self, x, noise), exact_purify=self.exact_purify
        )

    def exact_purify(self, x, noise):
        return quantized(self, x, noise)


class InexactExact(Exact):
    name = "changed-exact-images"

    def exact_purify(self, x, noise):
        return x


class Costly(Blur):
    name = "changed-network"

    def defend(self, classifier):
        network = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        nn.init.constant_(network.weight, 1 / 9)

        def purify(x, noise):
            for _ in range(3):
                x = network(x.flatten(0, 1)[:, None]).view_as(x)
            return x

        return DefendedModel(classifier, purify=purify, networks=[network], purify_passes=Passes(forwards=1))


@pytest.mark.parametrize(
    ("defense", "said"),
    [
        (changed(purifier=False), "does not say `purifier = True`"),
        (changed(purify=lambda self, x, noise: x), "gives the image back as it is"),
        (changed(randomized=True), "its noise changes nothing"),
        (changed(base=Noisy, randomized=False), "uses its noise and does not say `randomized = True`"),
        (changed(differentiable=False), "has a true gradient and says `differentiable = False`"),
        (changed(base=JPEG, differentiable=True, source="a test"), "does not say `differentiable = False`"),
        (changed(surrogates=("identity", "half")), "and its model offers ('identity',)"),
        (changed(defend=with_surrogates(half=lambda x: x / 2)), "and its model offers ('identity', 'half')"),
        (changed(defend=with_surrogates(still=Tensor.detach), surrogates=("identity", "still")), "'still', that"),
        (changed(purify=quantized), "has a gradient that is not the slope of its answer (slope / gradient = 0)"),
        (changed(purify=rounded), "lets no gradient through"),
        (changed(retrains=True), "answers with the classifier as it was"),
        (changed(purifier=False, defend=another_classifier), "does not say `retrains = True`"),
        (changed(query_only=True, fit=learn_from_gradients), "fails to fit"),
        (changed(purify=score_step), "must say `gradient_at_inference = True`"),
        (changed(purify=shifted), "gives an image other logits"),
        (changed(purify=one_draw_for_all, randomized=True), "the same random numbers as 24 samples"),
        (changed(purify=same_for_every_copy, randomized=True), "gives an image other logits"),
        (changed(purify=drawn_once, randomized=True), "its noise changes nothing"),
        (changed(purify=drawn_once_a_step, defend=unsealed, randomized=True), "numbers at two steps"),
        (changed(purify=numpy_noise, randomized=True), "global random state of numpy while it purifies"),
        (changed(purify=torch_noise, randomized=True), "global random state of torch while it purifies"),
        (changed(purify=counting), "gives another image the second time"),
        (changed(purify=in_place), "changes the images it is given"),
        (changed(purify=lambda self, x, noise: x / 0), "NaN or infinity"),
        (changed(purify=lambda self, x, noise: x[:, :, 1:]), "purifies torch.float32 [24, 1, 28, 28] to"),
        (changed(purify=lambda self, x, noise: 2 * x), "gives purified images outside [0, 1]"),
        (changed(fit=learn_globally), "global random state of torch while it fits"),
        (changed(fit=tune), "changes the classifier's weights or buffers while it fits"),
        (changed(purifier=False, defend=set_train), "train or eval mode while it defends"),
        (changed(fit=keep_objects), "something else than named tensors"),
        (changed(fit=keep_elsewhere, purify=use_elsewhere), "has no attribute 'mean_'"),
        (changed(purifier=False, defend=lambda self, classifier: classifier), "not a DefendedModel"),
        (Exact, "slope / gradient = 0); if a stand-in takes its place on the way back, it must say `exact_gradient"),
        (InexactExact, "purifies exactly to other images than it does"),
        (Costly, "costs 1 forward passes, and it costs 3"),
    ],
)
def test_what_is_broken_is_said(complaint, defense, said):
    text = complaint(check_defense, defense)
    assert text.startswith(f"defense '{defense.name}' ")
    assert said in text


def test_a_defense_that_refuses_every_image_is_refused(complaint):
    def refuse(self, x, noise):
        raise UserError("made for something else")

    assert "refuses grayscale and color images alike: made for" in complaint(check_defense, changed(purify=refuse))


def test_another_kind_of_plugin_is_refused(complaint):
    from attacks.fgsm import FGSM

    assert "is not a subclass of Defense" in complaint(check_defense, FGSM())
