from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Attack, AttackError, Attempt, Composition, Outcome, Stop
from attacks.bim import BIM
from attacks.cw_linf import CWLinf
from attacks.fgsm import FGSM
from attacks.gradients.autograd import Autograd
from attacks.gradients.undefended import Undefended
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from attacks.searches.iterative import State
from attacks.square import Square
from attacks.victim import Oracle, Victim
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Epsilon, Norm
from tests.attacks.networks import Linear, decisions, small_network

GRADIENT_ATTACKS = [FGSM(), BIM(steps=10), PGD(steps=10), CWLinf(steps=10)]


def attack(method: Attack, model: DefendedModel, x: Tensor, epsilon: str, **settings: object) -> Outcome:
    norm = settings.pop("norm", Norm.LINF)
    noise = settings.pop("noise", Noise.of(0, range(len(x))))
    aim = settings.pop("aim", None) or Aim(decisions(model.classifier, x))
    return method(model, x, aim, noise, Composition(norm, Epsilon.parse(epsilon), **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
@pytest.mark.parametrize("method", [BIM(steps=30), PGD(steps=30)], ids=lambda a: a.name)
def test_a_linear_model_falls_exactly_when_its_margin_is_within_reach(method: Attack, norm: Norm) -> None:
    """The largest change of w·x in the ball is ε‖w‖ in the dual norm, as long as no pixel meets 0 or 1."""
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    dual = float(weight.abs().sum() if norm is Norm.LINF else weight.norm())
    x = 0.5 + 0.01 * Noise.of(1, range(64)).normal((1, 12, 12))
    model = DefendedModel(Linear(weight, bias=-float((0.5 * weight).sum())))
    margin = model.classifier(x)[:, 1].detach().abs()
    epsilon = float(margin.median()) / dual
    outcome = attack(method, model, x, f"{epsilon:.10f}", norm=norm)
    reachable = margin < epsilon * dual
    decided = (margin / (epsilon * dual) - 1).abs() > 1e-3
    assert torch.equal(outcome.success[decided], reachable[decided])


@pytest.mark.parametrize("method", GRADIENT_ATTACKS, ids=lambda a: a.name)
def test_success_never_falls_when_epsilon_grows(method: Attack, network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network)
    rates = [
        float(attack(method, model, images, e).success.float().mean()) for e in ("0", "1/255", "8/255", "0.2", "1")
    ]
    assert rates[0] == 0
    assert rates == sorted(rates)


@pytest.mark.parametrize("method", [*GRADIENT_ATTACKS, Square(queries=20)], ids=lambda a: a.name)
@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(method: Attack, stop: Stop, network: nn.Module, images: Tensor) -> None:
    if method.batch_coupled:
        pytest.skip("the library draws for a whole batch, which the harness therefore keeps fixed")
    model = DefendedModel(network)
    noise = Noise.of(0, range(24))
    whole = attack(method, model, images, "4/255", stop=stop)
    parts = [attack(method, model, images[r], "4/255", noise=noise[r], stop=stop) for r in (slice(0, 5), slice(5, 24))]
    merged = Outcome.concatenate(parts)
    assert torch.equal(whole.adversarial, merged.adversarial)
    assert torch.equal(whole.forwards, merged.forwards)


def test_stopping_at_success_finds_what_running_on_finds(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network)
    early = attack(PGD(steps=20), model, images, "4/255")
    late = attack(PGD(steps=20), model, images, "4/255", stop=Stop.NEVER)
    assert torch.equal(early.success, late.success | early.success)
    assert torch.equal(early.broken_at >= 0, late.broken_at >= 0)
    fell = early.success & (early.broken_at < 20)
    assert bool((early.forwards[fell] < late.forwards[fell]).all())


def test_without_stopping_the_last_iterate_is_submitted(network: nn.Module, images: Tensor) -> None:
    class Recorder(BIM):
        def step(self, victim, state, noise):  # type: ignore[no-untyped-def]
            following = super().step(victim, state, noise)
            self.last = following.x
            return following

    method = Recorder(steps=5)
    outcome = attack(method, DefendedModel(network), images, "8/255", stop=Stop.NEVER)
    assert torch.equal(outcome.adversarial, method.last)


def test_an_image_that_stands_is_submitted_at_its_largest_margin(images: Tensor) -> None:
    """A search that walks past the best point must hand in the best point."""
    network = small_network(seed=3)
    labels = decisions(network, images)
    seen: list[Tensor] = []

    class Wanderer(PGD):
        def step(self, victim: Victim, state, noise):  # type: ignore[no-untyped-def]
            following = super().step(victim, state, noise)
            assert victim.observed is not None
            if len(victim.observed.logits) == len(images):
                seen.append(Aim(labels).margin(victim.observed.logits))
            return following

    outcome = attack(Wanderer(steps=8, step_size="2/255"), DefendedModel(network), images, "1/255")
    standing = ~outcome.success
    best = torch.stack(seen).amax(0)
    assert bool(standing.all()), "the test needs a bound at which nothing falls"
    assert bool((Aim(labels).margin(outcome.logits) >= best - 1e-5).all())


def test_restarts_only_add_successes(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network)
    once = attack(PGD(steps=3), model, images, "3/255")
    thrice = attack(PGD(steps=3, restarts=3), model, images, "3/255")
    assert bool((thrice.success | ~once.success).all())


def test_passes_are_counted_for_each_image(network: nn.Module, images: Tensor) -> None:
    outcome = attack(PGD(steps=7), DefendedModel(network), images, "0.0001", stop=Stop.NEVER)
    assert set(outcome.forwards.tolist()) == {8}  # seven gradients and a last look
    assert set(outcome.backwards.tolist()) == {7}
    model = DefendedModel(network, purify=lambda x, n: x, randomized=True, votes=5)
    outcome = attack(PGD(steps=7), model, images, "0.0001", stop=Stop.NEVER, estimator=Autograd(draws=3))
    assert set(outcome.backwards.tolist()) == {21}
    assert set(outcome.forwards.tolist()) == {21 + 5}


def test_a_candidate_of_a_randomized_model_must_be_confirmed(images: Tensor) -> None:
    """One noisy draw often errs; with many votes the clean image is right, and must not count as broken."""
    weight = torch.full((1, 12, 12), 1.0)
    model = DefendedModel(
        Linear(weight, bias=-float(images[0].sum()) + 3.0),
        purify=lambda x, noise: x + 0.5 * noise.stream("noise").normal(x.shape[1:]),
        randomized=True,
        votes=200,
    )
    x = images[:1].expand(24, -1, -1, -1).contiguous()
    outcome = attack(PGD(steps=10), model, x, "0", aim=Aim(torch.ones(24, dtype=torch.int64)))
    assert float(outcome.success.float().mean()) < 0.05
    hasty = DefendedModel(model.classifier, purify=model._purify, randomized=True, votes=1)
    outcome = attack(PGD(steps=10), hasty, x, "0", aim=Aim(torch.ones(24, dtype=torch.int64)))
    assert float(outcome.success.float().mean()) > 0.4


def test_an_ignorant_attacker_does_not_see_the_defended_answer(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network, purify=lambda x, noise: torch.full_like(x, 0.5))
    outcome = attack(PGD(steps=5), model, images, "8/255", estimator=Undefended())
    assert set(outcome.backwards.tolist()) == {5}
    assert set(outcome.broken_at.tolist()) == {-1}


def test_a_black_box_attack_gets_no_gradient_and_no_model(network: nn.Module, images: Tensor) -> None:
    class Curious(Attack):
        access = Access.SCORES

        def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
            assert not hasattr(victim, "gradient")
            assert not hasattr(victim, "model")
            with torch.enable_grad():
                leaf = x.clone().requires_grad_(True)
                assert not victim.scores(leaf, noise).requires_grad
            return x

    outcome = attack(Curious(), DefendedModel(network), images, "8/255")
    assert set(outcome.forwards.tolist()) == {1}
    assert set(outcome.backwards.tolist()) == {0}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x + 0.2, "left the L∞ ball"),
        (lambda x: x * float("nan"), "not finite"),
        (lambda x: torch.full_like(x, 1.5), "outside"),
        (lambda x: x[:, :, :5], "shape"),
        (lambda x: torch.zeros_like(x), "left the L∞ ball"),
    ],
)
def test_a_broken_attack_is_an_error_and_never_robust(spoil, words: str, network: nn.Module, images: Tensor) -> None:  # type: ignore[no-untyped-def]
    class Broken(Attack):
        def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
            return Attempt(spoil(x))

    with pytest.raises(AttackError, match=words):
        attack(Broken(), DefendedModel(network), images, "8/255")


def test_an_iterate_that_is_not_finite_is_an_error(network: nn.Module, images: Tensor) -> None:
    """The loop would otherwise submit the best earlier image, and the broken attack would pass for a robust model."""

    class Overflows(BIM):
        def step(self, victim: Victim, state, noise):  # type: ignore[no-untyped-def]
            following = super().step(victim, state, noise)
            return State(following.x * float("nan")) if noise.step == 2 else following

    with pytest.raises(AttackError, match="not finite in step 3"):
        attack(Overflows(steps=5), DefendedModel(network), images, "0.001")


def test_an_attack_on_decisions_sees_no_score(network: nn.Module, images: Tensor) -> None:
    class Curious(Attack):
        access = Access.DECISIONS

        def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
            rows = torch.tensor([3, 1])
            for scores in (victim.scores(x, noise), victim[rows].scores(x[rows], noise[rows])):
                assert set(scores.flatten().tolist()) == {0.0, 1.0}
            return x

    outcome = attack(Curious(), DefendedModel(network), images, "8/255")
    assert sorted(set(outcome.forwards.tolist())) == [1, 2]


@pytest.mark.parametrize("method", [PGD(steps=2), Square(queries=5)], ids=lambda a: a.name)
def test_the_caller_finds_everything_as_it_was(method: Attack, network: nn.Module, images: Tensor) -> None:
    network.train()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    x, state = images.clone(), torch.get_rng_state()
    attack(method, DefendedModel(network), x, "8/255", aim=Aim(torch.zeros(24, dtype=torch.int64)))
    assert network.training
    assert not network[1].training
    assert not network[0].weight.requires_grad
    assert network[2].weight.requires_grad
    assert network[2].weight.grad is None
    assert torch.equal(x, images)
    assert torch.equal(state, torch.get_rng_state())


def test_square_seeds_come_from_the_batch_and_not_from_the_library(network: nn.Module, images: Tensor) -> None:
    """torchattacks starts every batch from the same noise; two batches of the same pixels must differ here."""
    model, aim = DefendedModel(network), Aim(decisions(network, images))
    first = attack(Square(queries=2), model, images, "2/255", aim=aim, noise=Noise.of(0, range(24)))
    again = attack(Square(queries=2), model, images, "2/255", aim=aim, noise=Noise.of(0, range(24)))
    other = attack(Square(queries=2), model, images, "2/255", aim=aim, noise=Noise.of(1, range(24)))
    assert torch.equal(first.adversarial, again.adversarial)
    moved = (first.adversarial - images).abs().amax() + (other.adversarial - images).abs().amax()
    assert float(moved) == 0 or not torch.equal(first.adversarial, other.adversarial)
