"""One test for each way in which published implementations of these attacks are known to go wrong."""

from __future__ import annotations

import random
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attacks.base import Attack, Stop
from attacks.cw_l2 import CWL2
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.ead import EAD
from attacks.fab import FAB
from attacks.fmn import FMN
from attacks.geometry.ball import Ball, perturbation_size
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import UnavailableGradientError
from attacks.gradients.bpda import BPDA
from attacks.gradients.undefended import Undefended
from attacks.hopskipjump import HopSkipJump
from attacks.jsma import JSMA
from attacks.mi_fgsm import MIFGSM
from attacks.objectives.aim import Aim
from attacks.one_pixel import OnePixel
from attacks.searches.iterative import IterativeAttack
from attacks.searches.library_adapter import Differentiated, LibraryFinishedError
from attacks.searches.linear_boundary import LogitGap
from attacks.square import Square
from attacks.victim import Counter, Victim
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from tests.attacks.attacking import attack, in_two_parts, prepared
from tests.attacks.networks import Linear, decisions, small_network
from tests.attacks.templates import task

LINF, L2, L1, L0 = Norm.LINF, Norm.L2, Norm.L1, Norm.L0
WITH_GRADIENT: list[tuple[Attack, Norm]] = [
    (MIFGSM(steps=5), LINF),
    (MIFGSM(steps=5), L2),
    (DDN(steps=15), L2),
    (FMN(steps=10), LINF),
    (FMN(steps=10), L2),
    (FMN(steps=10), L1),
    (FMN(steps=20), L0),
    (DeepFool(steps=8), LINF),
    (DeepFool(steps=8), L2),
    (FAB(steps=4), LINF),
    (FAB(steps=4), L2),
    (FAB(steps=4), L1),
    (CWL2(steps=40, searches=2), L2),
    (EAD(steps=30, searches=2, learning_rate=0.05), L1),
    (JSMA(steps=30), L0),
]
BY_QUERIES: list[tuple[Attack, Norm]] = [
    (OnePixel(queries=80), L0),
    (HopSkipJump(queries=250, evaluations=15), LINF),
    (HopSkipJump(queries=250, evaluations=15), L2),
    (Square(queries=30), LINF),
]
GENEROUS = {LINF: 0.3, L2: 3.0, L1: 30.0, L0: 40}


def each(methods: list[tuple[Attack, Norm]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("method", "norm"), methods, ids=[f"{m.name} {n}" for m, n in methods])


class Constant(nn.Module):
    """Says class 0 of everything, with a gradient that is zero everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([3.0, 0.0, -1.0]) + 0 * x.flatten(1).sum(1, keepdim=True)


# What comes back where nothing is found.


@each([*WITH_GRADIENT, *BY_QUERIES])
def test_where_nothing_is_found_the_image_stays_itself(method: Attack, norm: Norm, images: Tensor) -> None:
    """foolbox hands in black images (CW, EAD) or noise for a zero gradient (DDN); torchattacks NaN (MI-FGSM)."""
    outcome = attack(method, Constant(), images, GENEROUS[norm], norm=norm)
    assert not bool(outcome.success.any())
    if method.name != "square":  # which submits its best corner of the ball
        assert torch.equal(outcome.adversarial, images)
    assert bool((outcome.forwards > 0).all())


@each(WITH_GRADIENT)
def test_a_masked_gradient_is_not_made_up_for_by_noise(method: Attack, norm: Norm) -> None:
    """foolbox's DDN moves by random noise where the gradient is zero, so that masking looks like a working search."""

    class Masked(nn.Module):
        """Says class 1 of whatever is not flat."""

        def forward(self, x: Tensor) -> Tensor:
            unrest = x.detach().flatten(1).var(1) - 1e-6
            return torch.stack([-unrest, unrest], dim=1) + 0 * x.flatten(1).sum(1, keepdim=True)

    flat = torch.full((8, 1, 12, 12), 0.5)
    outcome = attack(method, Masked(), flat, GENEROUS[norm], norm=norm, stop=Stop.NEVER)
    assert torch.equal(outcome.adversarial, flat)


@each([*WITH_GRADIENT, *BY_QUERIES])
def test_success_is_what_the_model_says_of_the_submitted_image(method: Attack, norm: Norm) -> None:
    """foolbox counts clean errors and images beyond ε as successes."""
    trial = task((1, 30, 22), 3, count=20)
    epsilon = GENEROUS[norm] / 8 if norm is not L0 else 10
    method = prepared(deepcopy(method), trial.classifier, trial.train, epsilon, norm=norm)
    outcome = attack(method, trial.classifier, trial.x, epsilon, norm=norm)
    assert torch.equal(outcome.success, decisions(trial.classifier, outcome.adversarial) != trial.labels)
    assert torch.equal(outcome.success, outcome.broken_at >= 0)
    assert perturbation_size(outcome.adversarial - trial.x, norm).max() <= epsilon * (1 + 1e-5) + 1e-6
    assert outcome.adversarial.min() >= 0
    assert outcome.adversarial.max() <= 1
    assert not outcome.adversarial.requires_grad


# What is left behind.


@each([*WITH_GRADIENT, *BY_QUERIES])
def test_the_caller_finds_everything_as_it_was(method: Attack, norm: Norm) -> None:
    """torchattacks reseeds the global generator, fills parameters' gradients, writes into images (JSMA), trains BN."""
    trial = task((1, 30, 22), 3)
    network = deepcopy(trial.classifier).train()
    x = trial.x.clone()
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    attack(method, network, x, GENEROUS[norm], norm=norm, aim=Aim(trial.labels))
    assert torch.equal(x, trial.x)
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()
    assert network.training
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    ("method", "norm", "epsilon"),
    [
        (OnePixel(queries=200), L0, 40),
        (HopSkipJump(queries=300), L2, 3.0),
        (FAB(steps=2, restarts=3), LINF, 0.05),
        (Square(queries=20), LINF, 0.1),
    ],
    ids=lambda value: value.name if isinstance(value, Attack) else "",
)
def test_random_numbers_belong_to_the_image_and_the_seed(method: Attack, norm: Norm, epsilon: float) -> None:
    """torchattacks starts every batch from the same noise; foolbox and its one-pixel attack from nobody's."""
    trial = task((1, 30, 22), 3)
    method = prepared(deepcopy(method), trial.classifier, trial.train, epsilon, norm=norm)

    def run(seed: int) -> tuple[Tensor, Tensor]:
        noise = Noise.of(seed, range(10))
        outcome = attack(method, trial.classifier, trial.x, epsilon, norm=norm, noise=noise, stop=Stop.NEVER)
        return outcome.adversarial, outcome.success

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = run(0)
        torch.manual_seed(2)
        again, other = run(0), run(1)
    assert torch.equal(first[0], again[0])
    assert bool(first[1].any())
    if method.name != "fab":  # whose first search is the same, and finds the same nearest image
        assert not torch.equal(first[0], other[0])


# Logits.


@each(WITH_GRADIENT)
def test_a_constant_added_to_all_logits_changes_nothing(method: Attack, norm: Norm) -> None:
    """torchattacks' CW clips logits at zero: success 0.125 at logits −100, 1.00 at +100."""
    trial = task((1, 30, 22), 3)

    class Shifted(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.by = by

        def forward(self, x: Tensor) -> Tensor:
            return trial.classifier(x) + self.by

    epsilon = GENEROUS[norm] / 8 if norm is not L0 else 10
    plain, shifted = (attack(method, Shifted(by), trial.x, epsilon, norm=norm) for by in (0.0, -64.0))
    assert torch.equal(plain.success, shifted.success)
    assert torch.allclose(plain.adversarial, shifted.adversarial, atol=1e-4)


@pytest.mark.parametrize("norm", [LINF, L2])
def test_momentum_survives_a_gradient_that_vanishes_on_the_way(norm: Norm, images: Tensor) -> None:
    """At a saturated target cross-entropy is flat, and torchattacks' MI-FGSM divides by its length."""
    model = Linear(torch.full((1, 12, 12), 100.0), bias=-100 * float(images.flatten(1).sum(1).max()) - 1)
    labels = decisions(model, images)
    aim = Aim(labels, 1 - labels)
    outcome = attack(MIFGSM(steps=5), model, images, 8 if norm is L2 else 0.7, norm=norm, aim=aim, stop=Stop.NEVER)
    assert bool((outcome.logits[:, 1] - outcome.logits[:, 0] > 200).all())
    assert bool(outcome.success.all())


@pytest.mark.parametrize("norm", [LINF, L2])
def test_deepfool_crosses_a_two_class_boundary_despite_clipped_pixels(norm: Norm) -> None:
    """Where half of the pixels are stuck at the border, every step falls short; torchattacks then never arrives."""
    weight = torch.ones(1, 12, 12)
    weight[:, :6] = -1
    x = Noise.of(7, range(24)).uniform((1, 12, 12)) * 0.2 + 0.3
    x[:, :, :6] = 0  # moving these further down would help, but they are black
    model = Linear(weight, bias=-30.0)
    outcome = attack(DeepFool(), model, x, 20.0 if norm is L2 else 1.0, norm=norm)
    assert bool((decisions(model, x) == 0).all())
    assert bool(outcome.success.all())


@each(WITH_GRADIENT)
def test_pixels_at_exactly_zero_and_one_move(method: Attack, norm: Norm) -> None:
    """torchattacks' CW puts them at infinity in tanh space, and X-ray borders are exactly black."""
    x = (Noise.of(3, range(8)).uniform((1, 12, 12)) < 0.5).float()
    # More black becoming gray and white becoming gray raise the logit of the other class.
    weight = torch.where(x.mean(0) < 0.5, 1.0, -1.0)
    model = Linear(weight, bias=-float((x * weight).flatten(1).sum(1).max()) - 0.5)
    labels = decisions(model, x)
    assert bool((labels == 0).all())
    epsilon = {LINF: 1.0, L2: 12.0, L1: 144.0, L0: 144}[norm]
    longer = {"cw-l2": CWL2(), "ddn": DDN(), "ead": EAD(), "jsma": JSMA(), "fmn": FMN(), "deepfool": DeepFool()}.get(
        method.name, method
    )
    outcome = attack(longer, model, x, epsilon, norm=norm)
    assert bool(outcome.success.all())


# Targets.


@pytest.mark.parametrize(
    ("method", "norm"),
    [(FAB(steps=20, restarts=2), L2), (FAB(steps=20), LINF), (DeepFool(), L2), (JSMA(), L0), (FMN(), LINF)],
    ids=lambda value: value.name if isinstance(value, Attack) else "",
)
def test_only_the_target_is_a_hit(method: Attack, norm: Norm) -> None:
    """torchattacks' targeted FAB takes any wrong class; its JSMA aims at (label + 1) mod 10."""
    trial = task((1, 30, 22), 8, count=20)
    targets = (trial.labels + 5) % 8
    outcome = attack(method, trial.classifier, trial.x, GENEROUS[norm], norm=norm, aim=Aim(trial.labels, targets))
    said = decisions(trial.classifier, outcome.adversarial)
    assert torch.equal(outcome.success, said == targets)
    assert outcome.success.float().mean() > 0.8
    # Where the target is out of reach, a wrong class that was passed on the way is not handed in as a success.
    assert torch.equal(said[~outcome.success], trial.labels[~outcome.success]) or method.name == "jsma"


def test_one_image_that_cannot_be_attacked_does_not_stop_the_others() -> None:
    """foolbox's HopSkipJump raises for the whole batch when one image has no first point."""
    trial = task((1, 30, 22), 3)

    class NeverTwo(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return trial.classifier(x) - torch.tensor([0.0, 0.0, 1e6])

    labels = decisions(NeverTwo(), trial.x)
    targets = 1 - labels
    targets[::2] = 2
    for method, norm in BY_QUERIES:
        method = prepared(deepcopy(method), trial.classifier, trial.train, GENEROUS[norm], norm=norm)
        outcome = attack(method, NeverTwo(), trial.x, GENEROUS[norm], norm=norm, aim=Aim(labels, targets))
        assert not bool(outcome.success[::2].any())
        assert bool(outcome.success[1::2].any()), method.name


# Queries and passes.


@each(BY_QUERIES)
def test_no_image_costs_more_queries_than_allowed(method: Attack, norm: Norm) -> None:
    """HopSkipJump's step size search has no end in foolbox where decisions are random; here every loop has one."""
    trial = task((1, 30, 22), 3)
    model = DefendedModel(
        trial.classifier,
        purify=lambda x, noise: x + 0.2 * noise.stream("noise").normal(x.shape[1:]),
        randomized=True,
        votes=1,
    )
    method = prepared(deepcopy(method), model, trial.train, 0.01, norm=norm)
    outcome = attack(method, model, trial.x, 0.01 if norm is not L0 else 1, norm=norm, aim=Aim(trial.labels))
    verified = 1 if norm is not L0 else 40
    if isinstance(method, Square):
        # It goes on after a lucky draw, and may meet many.
        verified = method.queries
    assert int(outcome.forwards.max()) <= method.queries + verified  # type: ignore[attr-defined]
    assert int(outcome.backwards.max()) == 0


def test_square_charges_each_query_to_the_image_it_was_about() -> None:
    """The library drops fallen images silently; under a wide bound, images can look like each other's neighbours."""
    trial = task((1, 30, 22), 3, count=20)
    asked: list[int] = []

    class Watched(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            asked.append(len(x))
            return trial.classifier(x)

    outcome = attack(Square(queries=50, restarts=2), Watched(), trial.x, 0.06, aim=Aim(trial.labels))
    # Small batches are padded to eight rows, which is no query; the verdict is not the attack's.
    assert int(outcome.forwards.sum()) <= sum(asked[:-1])
    assert int(outcome.forwards.max()) <= 2 * 50
    assert bool((outcome.forwards[~outcome.success] == outcome.forwards.max()).all())
    assert 0 < int(outcome.success.sum()) < 20
    assert bool((outcome.forwards[outcome.success] < outcome.forwards.max()).any())


@pytest.mark.parametrize("targeted", [False, True])
def test_square_goes_on_after_a_lucky_draw(targeted: bool) -> None:
    """The library leaves out what one draw calls wrong; nothing fresh draws deny may be given up."""
    trial = task((1, 30, 22), 3, count=20)

    class Coin(nn.Module):
        """Right, but for the draws that `purify` marks by a white corner."""

        def forward(self, x: Tensor) -> Tensor:
            marked = x[:, 0, 0, 0] > 0.5
            return torch.where(marked[:, None], torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))

    def mark(x: Tensor, noise: Noise) -> Tensor:
        marked = x.clone()
        marked[:, :, 0, 0] = (noise.stream("mark").uniform((1,)) < 0.02).float()
        return marked

    model = DefendedModel(Coin(), purify=mark, randomized=True, votes=1)
    labels = torch.zeros(20, dtype=torch.int64)
    aim = Aim(labels, labels + 1 if targeted else None)
    outcome = attack(Square(queries=60), model, trial.x, 0.06, aim=aim)
    standing = outcome.broken_at < 0
    assert int(standing.sum()) >= 10
    assert bool((outcome.forwards[standing] >= 60).all())
    # Some of them were called wrong on the way, and asked about again.
    assert bool((outcome.forwards[standing] > 60).any())


@each(WITH_GRADIENT)
def test_fallen_images_cost_nothing_more(method: Attack, norm: Norm) -> None:
    """foolbox runs every image to the last step and stops a batch as one (CW, EAD)."""
    trial = task((1, 30, 22), 3, count=20)
    early = attack(method, trial.classifier, trial.x, GENEROUS[norm], norm=norm)
    late = attack(method, trial.classifier, trial.x, GENEROUS[norm], norm=norm, stop=Stop.NEVER)
    assert bool((late.success | ~early.success).all())
    if method.name != "deepfool":  # which ends at its first adversarial image in any case
        assert bool((early.forwards[early.success] <= late.forwards[early.success]).all())
        assert int(early.forwards.sum()) < int(late.forwards.sum())


# Defenses.


@each(WITH_GRADIENT)
def test_gradients_go_through_the_estimator(method: Attack, norm: Norm) -> None:
    """A rounding defense without autograd: BPDA breaks it, autograd says that it cannot."""
    trial = task((1, 30, 22), 3)
    model = DefendedModel(trial.classifier, purify=lambda x, noise: (x.detach() * 15).round() / 15)
    aim = Aim(decisions(nn.Sequential(_Rounded(), trial.classifier), trial.x))
    # The rounded image must leave its cell, however near the boundary is.
    epsilon = GENEROUS[norm]
    outcome = attack(method, model, trial.x, epsilon, norm=norm, aim=aim, estimator=BPDA())
    assert outcome.success.float().mean() >= 0.5
    with pytest.raises(UnavailableGradientError):
        attack(method, model, trial.x, epsilon, norm=norm, aim=aim)


class _Rounded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x * 15).round() / 15


@each([*WITH_GRADIENT, *BY_QUERIES])
def test_a_lucky_draw_is_no_success(method: Attack, norm: Norm) -> None:
    """A single noisy query errs often; only what many votes confirm is counted."""
    trial = task((1, 30, 22), 3, count=20)
    model = DefendedModel(
        trial.classifier,
        purify=lambda x, noise: x + 0.3 * noise.stream("noise").normal(x.shape[1:]),
        randomized=True,
        votes=12,
    )
    with torch.no_grad():
        steady = torch.stack([model.decide(trial.x, Noise.of(50 + i, range(20))).argmax(1) for i in range(10)])
    sure = (steady == trial.labels).all(0)
    assert int(sure.sum()) >= 5
    x, aim = trial.x[sure], Aim(trial.labels[sure])
    outcome = attack(method, model, x, 1e-3 if norm is not L0 else 0, norm=norm, aim=aim, estimator=Autograd(draws=2))
    assert outcome.success.float().mean() <= 0.1


@each([(method, norm) for method, norm in WITH_GRADIENT if not isinstance(method, IterativeAttack)])
def test_who_ignores_the_defense_does_not_ask_it(method: Attack, norm: Norm) -> None:
    trial = task((1, 30, 22), 3)
    asked: list[int] = []

    def purify(x: Tensor, noise: Noise) -> Tensor:
        asked.append(len(x))
        return x

    model = DefendedModel(trial.classifier, purify=purify, randomized=True)
    outcome = attack(method, model, trial.x, GENEROUS[norm], norm=norm, aim=Aim(trial.labels), estimator=Undefended())
    assert len(asked) == 1  # the verdict
    assert set(outcome.broken_at.tolist()) == {-1}
    assert outcome.success.float().mean() >= 0.5


# The module that libraries are handed.


def test_foolbox_stops_no_batch_as_one() -> None:
    """Its `abort_early` sums the loss over the batch: with these settings, other batches give other images."""
    trial = task((1, 30, 22), 3, count=20)
    method = EAD(steps=60, searches=2, learning_rate=0.1)
    whole = attack(method, trial.classifier, trial.x, 4, norm=L1, stop=Stop.NEVER)
    merged = in_two_parts(method, trial.classifier, trial.x, 4, norm=L1, stop=Stop.NEVER)
    assert torch.allclose(whole.adversarial, merged.adversarial, atol=1e-6)
    assert set(whole.forwards.tolist()) == {3 * 60}


def _victim(model: DefendedModel, x: Tensor, labels: Tensor, estimator: Autograd | BPDA) -> tuple[Victim, Counter]:
    counter = Counter.zeros(len(x), x.device)
    ball = Ball(L2, 100.0, x)
    return Victim(model, LogitGap(), estimator, Aim(labels), ball, counter, torch.arange(len(x))), counter


def test_the_librarys_gradient_is_the_estimators(images: Tensor) -> None:
    """Whatever a library does with the logits, it differentiates them as BPDA does: here, at the purified image."""
    network = small_network(classes=3)
    model = DefendedModel(network, purify=lambda x, noise: (x * 7).round() / 7)
    victim, counter = _victim(model, images, decisions(network, (images * 7).round() / 7), BPDA())
    module = Differentiated(victim, Noise.of(0, range(24)), Stop.NEVER)
    x = images.clone().requires_grad_(True)
    module(x).logsumexp(1).square().sum().backward()
    rounded = ((images * 7).round() / 7).requires_grad_(True)
    network(rounded).logsumexp(1).square().sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, rounded.grad, atol=1e-6)
    assert set(counter.forwards.tolist()) == {2}  # one for the logits, one with the gradient
    assert set(counter.backwards.tolist()) == {1}


def test_the_library_is_not_answered_about_fallen_images(images: Tensor) -> None:
    network = small_network(classes=3)
    labels = decisions(network, images)
    wrong = labels.clone()
    wrong[:5] = (wrong[:5] + 1) % 3  # what the library asks about first is already wrong for these
    victim, counter = _victim(DefendedModel(network), images, wrong, Autograd())
    module = Differentiated(victim, Noise.of(0, range(24)), Stop.FIRST_SUCCESS)
    first = module(images)
    x = images.clone().requires_grad_(True)
    second = module(x)
    second.sum().backward()
    assert torch.equal(first, second.detach())
    assert x.grad is not None
    assert bool((x.grad[:5] == 0).all())
    assert bool((x.grad[5:].flatten(1).abs().sum(1) > 0).all())
    assert counter.forwards.tolist() == [1] * 5 + [3] * 19
    assert torch.equal(module.nearest.broken_at >= 0, labels != wrong)
    everything, _ = _victim(DefendedModel(network), images, (labels + 1) % 3, Autograd())
    module = Differentiated(everything, Noise.of(0, range(24)), Stop.FIRST_SUCCESS)
    module(images)
    with pytest.raises(LibraryFinishedError):
        module(images)


def test_questions_outside_the_box_are_answered_inside(images: Tensor) -> None:
    """FISTA extrapolates beyond [0, 1]; no image outside may be taken for a success."""
    network = small_network(classes=3)
    victim, _ = _victim(DefendedModel(network), images, (decisions(network, images) + 1) % 3, Autograd())
    module = Differentiated(victim, Noise.of(0, range(24)), Stop.NEVER)
    with torch.no_grad():
        assert torch.allclose(module(images + 2), network(torch.ones_like(images)), atol=1e-6)
    assert module.nearest.x.max() <= 1


def test_cw_keeps_the_confidence_that_was_asked_for() -> None:
    """The paper's κ: the submitted image is wrong by that margin."""
    trial = task((1, 30, 22), 3)
    plain, sure = (
        attack(CWL2(steps=150, searches=3, confidence=k), trial.classifier, trial.x, 12, norm=L2, stop=Stop.NEVER)
        for k in (0.0, 2.0)
    )
    assert bool(plain.success.all())
    assert bool(sure.success.all())
    assert Aim(trial.labels).margin(plain.logits).median() < 1
    assert bool((Aim(trial.labels).margin(sure.logits) >= 2 - 1e-4).all())
