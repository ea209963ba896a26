"""What the flags measure on models of which it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import grad as imported_before

from attacks.base import Stop
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import UnavailableGradientError
from attacks.gradients.bpda import BPDA
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DecisionRule, DefendedModel, Purify
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.flags.answers import difference
from benchmark.evaluation.flags.asker_dependence import AskerDependence
from benchmark.evaluation.flags.autograd_calls import counting_autograd
from benchmark.evaluation.flags.batch_dependence import BatchDependence
from benchmark.evaluation.flags.black_box_beats_white_box import BlackBoxBeatsWhiteBox
from benchmark.evaluation.flags.bpda_component_alone import BPDAComponentAlone
from benchmark.evaluation.flags.dynamic import Dynamic
from benchmark.evaluation.flags.eps_monotone import EpsMonotone
from benchmark.evaluation.flags.gradient_contradicted import GradientContradicted
from benchmark.evaluation.flags.incomplete_optimisation import IncompleteOptimisation, cut_short
from benchmark.evaluation.flags.known_broken_control import KnownBrokenControl
from benchmark.evaluation.flags.not_converged import NotConverged
from benchmark.evaluation.flags.one_step_beats_iterative import OneStepBeatsIterative
from benchmark.evaluation.flags.paired import PairedCheck
from benchmark.evaluation.flags.probe import Probe
from benchmark.evaluation.flags.random_noise_beats_gradient import RandomNoiseBeatsGradient
from benchmark.evaluation.flags.randomised import Randomised
from benchmark.evaluation.flags.softmax_output import SoftmaxOutput
from benchmark.evaluation.flags.traced_pgd import TracedPGD
from benchmark.evaluation.flags.train_mode import TrainMode
from benchmark.evaluation.flags.transfer_beats_white_box import TransferBeatsWhiteBox
from benchmark.evaluation.flags.unbounded_fails import UnboundedFails
from benchmark.evaluation.flags.unstable_landscape import POINTS, SIDE, UnstableLandscape
from benchmark.evaluation.flags.zero_gradient import ZeroGradient
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.reading import Outputs, Reading
from benchmark.records.defense_record import DefenseTraits

N, SHAPE = 12, (1, 6, 6)


class Linear(nn.Module):
    """Logits [0, w·(x − ½)]: w alternates, so that neither class is brighter."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        weight = torch.linspace(0.5, 1.5, SHAPE[1] * SHAPE[2]) * torch.tensor([1.0, -1.0]).repeat(18)
        self.weight = nn.Parameter(scale * weight)

    def forward(self, x: Tensor) -> Tensor:
        z = (x.flatten(1) - 0.5) @ self.weight
        return torch.stack([torch.zeros_like(z), z], dim=1)


class Function(nn.Module):
    """A classifier made of a function of a linear one's logits."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = Linear()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.inner(x))


def probe(model: nn.Module | None = None, *, purify: Purify | None = None, **changed: Any) -> Probe:
    """Twelve grey images with some noise, in the hands of the flags."""
    defended = DefendedModel(Linear() if model is None else model, purify=purify)
    noise = Noise.of(0, range(N))
    images = 0.5 + 0.1 * (noise.stream("images").uniform(SHAPE) - 0.5)
    with torch.no_grad():
        labels = Linear()(images).argmax(1)
    settings: dict[str, Any] = {
        "model": defended,
        "undefended": defended.classifier,
        "traits": DefenseTraits(),
        "images": images,
        "labels": labels,
        "noise": noise,
        "norm": Norm.LINF,
        "epsilon": 8 / 255,
        "estimator": Autograd(),
        "steps": 20,
        "batch_size": BatchSize(5),
    }
    return Probe(**{**settings, **changed})


def test_a_linear_model_is_attacked_to_the_bound() -> None:
    subject = probe()
    margin = Linear()(subject.images)
    distance = (margin[:, 0] - margin[:, 1]).abs() / Linear().weight.abs().sum()
    for epsilon in (0.001, 0.004, 0.02):
        expected = (distance < epsilon).tolist()
        assert subject.attack(epsilon=epsilon).success.tolist() == expected
    assert len(subject.finished) == 3
    assert subject.attack(epsilon=0.02) is subject.attack(epsilon=0.02)


def test_all_images_of_the_box_are_within_the_largest_epsilon() -> None:
    for norm, size in ((Norm.LINF, 1.0), (Norm.L2, 6.0), (Norm.L1, 36.0)):
        assert probe(norm=norm).largest_epsilon == size
    with pytest.raises(UserError, match="L0"):
        probe(norm=Norm.L0).attack()


def test_zero_gradient_tells_saturation_from_masking() -> None:
    clear = {"cross-entropy": {"image": 0, "random start": 0}, "margin": {"image": 0, "random start": 0}}
    assert ZeroGradient().measure(probe()) == {"n": N, "zero": clear, "not finite": 0}
    saturated = ZeroGradient().measure(probe(Linear(1e6)))
    assert saturated["zero"]["cross-entropy"]["image"] == N
    assert saturated["zero"]["margin"] == clear["margin"]
    masked = ZeroGradient().measure(probe(purify=lambda x, noise: (x * 7).round() / 7))
    assert {n for zero in masked["zero"].values() for n in zero.values()} == {N}


@pytest.mark.parametrize("outputs", ["sigmoid", "softmax"])
def test_zero_gradient_sees_probabilities_that_have_reached_0_and_1(outputs: Outputs) -> None:
    class Ending(Linear):
        def forward(self, x: Tensor) -> Tensor:
            z = super().forward(x)
            return z.softmax(1) if outputs == "softmax" else z[:, 1].sigmoid()

    def measured(scale: float) -> set[int]:
        model = DeployedClassifier(Ending(scale), channels=1, classes=2, reading=Reading(outputs=outputs))
        found = ZeroGradient().measure(probe(model))
        assert found["not finite"] == 0
        return {n for zero in found["zero"].values() for n in zero.values()}

    assert measured(1.0) == {0}
    assert measured(1e6) == {N}


def test_zero_gradient_sees_numbers_that_attacks_would_hide() -> None:
    measured = ZeroGradient().measure(probe(Function(lambda z: z + 0 * (z - z).abs().sqrt())))
    assert measured["not finite"] == 4 * N


@pytest.mark.parametrize(
    "purify",
    [
        lambda x, noise: x.detach(),
        lambda x, noise: torch.from_numpy(x.numpy().copy()),
        lambda x, noise: torch.full_like(x, 0.5).requires_grad_(),
    ],
    ids=["detached", "numpy", "another leaf"],
)
def test_a_gradient_that_cannot_be_had_is_told_from_one_that_is_zero(purify: Purify) -> None:
    assert "unavailable" in ZeroGradient().measure(probe(purify=purify))
    # Declared as what it is, BPDA is measured in its place.
    declared = ZeroGradient().measure(
        probe(purify=purify, estimator=BPDA(), traits=DefenseTraits(differentiable=False))
    )
    assert declared["zero"]["margin"] == {"image": 0, "random start": 0}


def test_flags_that_attack_do_not_answer_for_a_model_that_cannot_be_attacked() -> None:
    subject = probe(purify=lambda x, noise: x.detach())
    for check in (UnboundedFails(), EpsMonotone(), IncompleteOptimisation(), NotConverged()):
        with pytest.raises(UnavailableGradientError):
            check.measure(subject)


def test_unbounded_attacks_break_what_can_be_broken() -> None:
    assert UnboundedFails().measure(probe()) == {"n": N, "standing": 0}
    constant = probe(Function(lambda z: z * 0), labels=torch.zeros(N, dtype=torch.int64))
    assert UnboundedFails().measure(constant) == {"n": N, "standing": N}


def test_the_curve_over_epsilon() -> None:
    measured = EpsMonotone().measure(probe(epsilon=0.004))
    assert measured["epsilon"] == [0.002, 0.004, 0.008, 0.016, 1.0]
    assert measured["standing"] == sorted(measured["standing"], reverse=True)
    assert measured["standing"][0] > measured["standing"][-1] == 0
    assert measured["rise"] <= 0
    assert measured["classes"] == 2


def test_a_search_that_overshoots_at_large_epsilon_is_seen() -> None:
    """Only a thin shell around each image of one class is misclassified, and large steps jump over it."""
    one_class = (probe().labels == 0).nonzero().flatten()
    count = len(one_class)
    centre = probe().images[one_class]

    def shell(x: Tensor, noise: Noise) -> Tensor:
        distance = (x[:, None] - centre).abs().flatten(2).amax(2).amin(1).view(-1, 1, 1, 1)
        wrong = (distance > 0.001) & (distance < 0.0022)
        return torch.where(wrong, 1 - centre[:1], centre[:1]) + 0 * x

    measured = EpsMonotone().measure(probe(purify=shell, epsilon=0.004)[one_class])
    assert measured["standing"][0] == 0
    assert measured["standing"][-1] == count
    assert measured["rise"] == count
    assert measured["p"] < 0.05


def test_the_landscape_of_a_linear_model_in_closed_form() -> None:
    subject = probe()
    weight, noise = Linear().weight.detach(), subject.noise.stream("cube")
    own = (subject.images.flatten(1) - 0.5) @ weight
    moved = [(SIDE * (noise.at(point).uniform(SHAPE) - 0.5)).flatten(1) @ weight for point in range(POINTS)]
    change = torch.stack([(m / own).abs().clamp(max=1) for m in moved]).mean()
    assert UnstableLandscape().measure(subject)["change"] == pytest.approx(float(change), rel=1e-4)


def test_a_noisy_landscape_is_told_from_a_smooth_one() -> None:
    smooth = UnstableLandscape().measure(probe(Function(lambda z: z + torch.tensor([0.0, 100.0]))))
    rough = UnstableLandscape().measure(probe(purify=lambda x, noise: (3000 * x).sin()))
    assert smooth["change"] < 0.01
    assert rough["change"] > 0.5


def test_an_attack_is_cut_short_where_a_little_more_of_it_would_break() -> None:
    steps = torch.arange(40.0)
    settled = -5 - 3 * torch.exp(-steps / 5)
    slowing = -0.01 - 3 * torch.exp(-steps / 12)
    values = torch.stack([settled, slowing, -100 + steps, -steps, torch.zeros(40) - 1], dim=1)
    assert cut_short(values).tolist() == [False, True, True, False, False]
    assert cut_short(values[:3]).all()


def test_too_few_steps_are_seen() -> None:
    settled, reached = probe(epsilon=1e-5, steps=60), probe(epsilon=0.5)
    assert IncompleteOptimisation().measure(settled) == {"n": N, "standing": N, "cut": 0, "steps": 60}
    assert IncompleteOptimisation().measure(reached)["standing"] == 0


def test_steps_that_are_too_small_are_seen() -> None:
    """The same number of steps, each a hundredth of what it takes to cross the ball."""
    margin = Linear()(probe().images)
    clear = ((margin[:, 0] - margin[:, 1]).abs() > 0.02).nonzero().flatten()
    subject = probe(epsilon=1e-4)[clear]
    for size, cut in ((None, 0), (1e-6, len(clear))):
        attack = TracedPGD(steps=20, step_size=size)
        subject.run_batch(attack, slice(0, len(clear)), stop=Stop.NEVER)
        assert int(cut_short(attack.margins).sum()) == cut


def test_margins_stay_in_place_when_images_fall() -> None:
    subject = probe(epsilon=0.004)
    margins, fallen = subject.margins(), subject.attack().success
    assert margins.shape == (20, N)
    assert 0 < int(fallen.sum()) < N
    assert margins[-1, ~fallen].isfinite().all()
    assert margins[-1, fallen].isnan().all()


def test_twice_the_effort_on_a_linear_model_changes_nothing() -> None:
    assert set(NotConverged().measure(probe(epsilon=0.004))["falls"].values()) == {0}


def test_luck_by_restarts_is_seen() -> None:
    """Where there is no gradient, half of the random starts are adversarial, and a second one finds others."""
    measured = NotConverged().measure(probe(purify=lambda x, noise: (x * 10).round() / 10, steps=1))
    assert measured["falls"]["a second start"] > 0


def test_randomness_is_told_from_what_the_batch_size_does() -> None:
    steady = Randomised().measure(probe())
    assert steady["fresh"] == steady["same"] == steady["changed"] == 0
    keyed = Randomised().measure(probe(purify=lambda x, noise: x + 0.1 * noise.normal(SHAPE)))
    assert keyed["fresh"] > 1e-3
    assert keyed["same"] == 0
    with torch.random.fork_rng(devices=[]):
        hidden = Randomised().measure(probe(purify=lambda x, noise: x + 0.1 * torch.randn_like(x)))
    assert hidden["same"] > 1e-3
    batch = Randomised().measure(probe(purify=lambda x, noise: x - x.mean(0) + 0.5))
    assert batch["batch effect"] > 1e-3
    assert batch["fresh"] == 0


def test_answers_are_compared_whatever_their_scale_and_offset() -> None:
    one_logit = torch.stack([torch.zeros(9), torch.linspace(-2, 2, 9)], dim=1)
    noisy = one_logit + torch.tensor([0.0, 0.01])
    assert difference(one_logit, one_logit) == 0
    assert difference(one_logit, noisy) > 1e-3
    assert difference(1000 * one_logit, 1000 * noisy) == pytest.approx(difference(one_logit, noisy), rel=1e-4)
    assert difference(one_logit, one_logit + 5) < 1e-6
    assert difference(one_logit, torch.full_like(one_logit, float("nan"))) > 1
    assert difference(torch.zeros(3, 2), torch.zeros(3, 2)) == 0


def test_autograd_calls_are_counted_and_everything_is_put_back() -> None:
    before = torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward

    def climb(call: Callable[[Tensor, Tensor], Any]) -> Purify:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                call((leaf**2).sum(), leaf)
            return x

        return purify

    ways = {
        "grad": lambda value, leaf: torch.autograd.grad(value, leaf),
        "backward": lambda value, leaf: torch.autograd.backward(value),
        "method": lambda value, leaf: value.backward(),
        "imported": lambda value, leaf: imported_before(value, leaf),
        "functional": lambda value, leaf: torch.func.grad(lambda x: (x**2).sum())(leaf.detach()),
    }
    assert Dynamic().measure(probe())["calls"] == 0
    for name, way in ways.items():
        assert Dynamic().measure(probe(purify=climb(way)))["calls"] == 1, name
    with pytest.raises(ZeroDivisionError), counting_autograd():
        raise ZeroDivisionError
    assert before == (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward)


def test_probabilities_are_told_from_logits() -> None:
    measured = SoftmaxOutput().measure(probe(Function(lambda z: z.softmax(1))))
    assert measured["smallest"] >= 0
    assert measured["off"] < 1e-5
    assert SoftmaxOutput().measure(probe())["off"] > 1e-3


class Counter(nn.Module):
    """Every call shifts the logits a little more."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Linear()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(x) + torch.tensor([0.0, 0.01 * self.calls])


def test_answers_that_depend_on_the_batch_or_on_earlier_ones() -> None:
    fixed = BatchDependence().measure(probe())
    assert max(fixed["alone"], fixed["permuted"]) < 1e-6
    batch = BatchDependence().measure(probe(purify=lambda x, noise: x - x.mean(0) + 0.5))
    assert batch["alone"] > 1e-3
    order = BatchDependence().measure(
        probe(purify=lambda x, noise: x * torch.linspace(0.5, 1, len(x))[:, None, None, None])
    )
    assert order["permuted"] > 1e-3
    assert BatchDependence().measure(probe(Counter()))["permuted"] > 1e-3


class Restless(nn.Module):
    """Puts its dropout back into training mode whenever it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.dropout = Linear(), nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        self.dropout.train()
        return self.inner(self.dropout(x))


def test_modules_in_training_mode_are_found_wherever_they_are() -> None:
    handed_over = Linear().train()
    assert TrainMode().measure(probe(handed_over))["modules"] == 0
    assert TrainMode().measure(probe(Restless()))["kinds"] == ["Dropout"]
    hidden = nn.Identity()
    assert TrainMode().measure(probe(purify=lambda x, noise: hidden(x)))["kinds"] == ["Identity"]
    assert not hidden._forward_pre_hooks
    assert TrainMode().measure(probe(purify=lambda x, noise: hidden.eval()(x)))["modules"] == 0


@pytest.mark.parametrize(("surrogate", "broken"), [(None, True), (lambda x: 1 - x, False)])
def test_a_surrogate_that_leads_astray_is_seen(surrogate: Callable[[Tensor], Tensor] | None, broken: bool) -> None:
    traits = DefenseTraits(purifier=True, differentiable=False)
    model = DefendedModel(Linear(), purify=lambda x, noise: (x * 255).round() / 255, surrogate=surrogate)
    subject = probe(epsilon=0.01, traits=traits, estimator=BPDA())
    measured = BPDAComponentAlone().measure(subject.of(model, BPDA()))
    assert measured["epsilon"] == pytest.approx(0.08)
    assert (measured["broken"] >= 0.95 * measured["n"]) == broken
    assert measured["n"] > N // 2


class Lying(torch.autograd.Function):
    """The identity, with a gradient that is made up from the true one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lie: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.lie = lie
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.lie(gradients[0]), None


LIES: dict[str, Callable[[Tensor], Tensor]] = {
    "sign flipped": lambda g: -g,
    "zero": lambda g: 0 * g,
    "halved": lambda g: g / 2,
    "projected": lambda g: g * (torch.arange(6) < 1),
}


def contradicted(subject: Probe) -> float:
    measured = GradientContradicted().measure(subject)
    assert measured is not None
    assert measured["checked"] == N
    return measured["contradicted"] / N


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_gradient_that_is_made_up_is_contradicted(lie: Callable[[Tensor], Tensor], scale: float) -> None:
    subject = probe(Linear(scale), purify=lambda x, noise: Lying.apply(x, lie))
    # Eight directions may agree by chance with a projection on a sixth of the pixels.
    assert contradicted(subject) > 0.5


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_a_true_gradient_is_confirmed_whatever_the_scale_and_offset_of_the_logits(scale: float, offset: float) -> None:
    subject = probe(Function(lambda z: scale * (z + 0.1 * z**2 + offset)))
    assert contradicted(subject) == 0


def test_a_decision_without_a_slope_contradicts_a_gradient() -> None:
    """A quantizer with a straight-through gradient: the difference is zero, and the gradient is not."""
    straight = probe(purify=lambda x, noise: x + ((x * 3).round() / 3 - x).detach())
    assert contradicted(straight) == 1


def test_another_model_where_gradients_are_off_is_seen_twice() -> None:
    def purify(x: Tensor, noise: Noise) -> Tensor:
        return x if torch.is_grad_enabled() else 0.5 + 0.3 * (x.flip(3) - 0.5)

    assert contradicted(probe(purify=purify)) == 1
    apart = AskerDependence().measure(probe(purify=purify))["apart"]
    assert min(apart["as an attack"], apart["gradients recorded"]) > 0.1
    assert apart["from the parts"] == 0


def test_votes_share_their_draws_with_the_gradient() -> None:
    """Had the two not the same draws, the difference would be that of another function."""

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return x * (1 + noise.stream("own").normal(x.shape[1:]))

    for rule in DecisionRule:
        model = DefendedModel(Linear(), purify=purify, votes=4, randomized=True, decision_rule=rule)
        traits = DefenseTraits(randomized=True)
        subject = probe(traits=traits).of(model, Autograd(draws=4))
        assert contradicted(subject) == 0
        assert max(AskerDependence().measure(subject)["apart"].values()) < 1e-5


def test_a_defense_that_claims_no_gradient_is_asked_for_none() -> None:
    assert GradientContradicted().measure(probe(traits=DefenseTraits(differentiable=False))) is None


@pytest.mark.parametrize(("lie", "share"), [(lambda g: g, 0.0), (lambda g: -g, 1.0)])
def test_the_classifier_behind_a_rounding_purifier_is_asked(lie: Callable[[Tensor], Tensor], share: float) -> None:
    class Behind(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(Lying.apply(x, lie))

    rounding = DefenseTraits(differentiable=False, purifier=True)
    subject = probe(Behind(), purify=lambda x, noise: (x * 255).round() / 255, traits=rounding, estimator=BPDA())
    assert contradicted(subject) == share


def test_a_gradient_false_in_small_pixels_alone_is_contradicted() -> None:
    def lie(gradient: Tensor) -> Tensor:
        # A quarter of the pixels: 9 % of the gradient's square, and 16 % of what a step along its signs gains.
        size = gradient.abs().flatten(1)
        weak = (size < size.quantile(0.25, 1, keepdim=True)).view_as(gradient)
        return torch.where(weak, -gradient, gradient)

    assert contradicted(probe(purify=lambda x, noise: Lying.apply(x, lie))) == 1


def test_an_answer_for_each_asker_is_seen() -> None:
    class Parts(DefendedModel):
        def decide(self, x: Tensor, noise: Noise) -> Tensor:
            return super().decide(x, noise).flip(1)

    assert AskerDependence().measure(probe().of(Parts(Linear()), Autograd()))["apart"]["from the parts"] > 0.1
    ways: dict[str, Callable[[Tensor], bool]] = {
        "inference mode": lambda x: torch.is_inference_mode_enabled(),
        "double precision": lambda x: x.dtype is torch.float64,
    }
    for way, told in ways.items():
        apart = AskerDependence().measure(probe(purify=lambda x, noise, told=told: x.float() * (1 - 0.5 * told(x))))
        assert {name for name, value in apart["apart"].items() if value > 1e-3} == {way}
    honest = AskerDependence().measure(probe())["apart"]
    # Weights in float32 cannot be asked in double precision, and that is no fault.
    assert set(honest) == {"as an attack", "from the parts", "gradients recorded", "inference mode"}
    assert max(honest.values()) == 0


class Masked(nn.Module):
    """A linear model behind a gradient that points nowhere: the identity forwards, noise backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(Lying.apply(x, lambda g: g.flip(3) * torch.linspace(-1, 1, 6)))


WEAKER: list[PairedCheck] = [RandomNoiseBeatsGradient(), TransferBeatsWhiteBox(), BlackBoxBeatsWhiteBox()]


@pytest.mark.parametrize("check", WEAKER, ids=lambda check: check.id)
def test_where_the_suite_lacks_an_attack_the_probe_tries_it(check: PairedCheck) -> None:
    honest = check.measure(probe(epsilon=0.02))
    assert honest == {"n": N, "weak": 0, "strong": honest["strong"]}
    masked = check.measure(probe(Masked(), epsilon=0.02, undefended=Linear()))
    assert masked["weak"] >= 2


def test_one_step_is_tried_beside_many() -> None:
    assert OneStepBeatsIterative().measure(probe(epsilon=0.004))["weak"] == 0


def test_a_component_with_a_gradient_is_not_tried_alone() -> None:
    assert BPDAComponentAlone().measure(probe(traits=DefenseTraits(purifier=True))) is None


def test_the_control_is_broken_whatever_defense_it_stands_in_for() -> None:
    measured = KnownBrokenControl().measure(probe(purify=lambda x, noise: x.detach(), estimator=BPDA()))
    assert {n for zero in measured["zero_gradient"]["zero"].values() for n in zero.values()} == {N}


def test_measurements_do_not_depend_on_the_batch_size_and_are_json() -> None:
    import json

    checks = [UnboundedFails(), EpsMonotone(), ZeroGradient(), UnstableLandscape(), NotConverged()]
    few, many = probe(epsilon=0.004, batch_size=BatchSize(3)), probe(epsilon=0.004, batch_size=BatchSize(64))
    for check in checks:
        assert check.measure(few) == check.measure(many), check.id
        assert json.loads(json.dumps(check.measure(few))) == check.measure(few)
    assert np.isfinite(UnstableLandscape().measure(few)["change"])
