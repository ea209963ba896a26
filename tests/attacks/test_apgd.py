from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD, checkpoints
from attacks.base import Aids, Composition, Stop
from attacks.gradients.autograd import Autograd
from attacks.gradients.bpda import BPDA
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import Linear, decisions, small_network


def test_checkpoints_are_those_of_the_paper() -> None:
    """For N = 100: p = 0, .22, .41, .57, .70, .80, .87, .93, .99 (section 3.3 of the paper, worked out by hand)."""
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert sum(checkpoints(100).values()) == 99
    assert checkpoints(1) == {1: 1}


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
def test_a_linear_model_is_driven_to_the_optimum(loss: str, norm: Norm) -> None:
    """The largest change of w·x in the ball is ε‖w‖ in the dual norm, as long as no pixel meets 0 or 1."""
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    dual = float(weight.abs().sum() if norm is Norm.LINF else weight.norm())
    x = 0.5 + 0.01 * Noise.of(1, range(32)).normal((1, 12, 12))
    model, epsilon = Linear(weight, bias=-float((0.5 * weight).sum())), 0.1
    before = model(x)[:, 1].detach()
    labels = decisions(model, x)
    outcome = attack(APGD(steps=30, loss=loss), model, x, epsilon, norm=norm, stop=Stop.NEVER)
    # Label 1 is left by pushing the logit down, label 0 by pushing it up.
    gained = (outcome.logits[:, 1] - before) * torch.where(labels == 1, -1.0, 1.0)
    assert torch.allclose(gained, torch.full_like(gained, epsilon * dual), rtol=1e-3)


def test_an_image_oscillates_until_its_step_is_halved() -> None:
    """One pixel, optimum inside the ball: steps of 2ε jump over it, and only shrinking steps come near."""

    class Valley(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            z = -(x.flatten(1)[:, :1] - 0.537).square() - 1e-3
            return torch.cat([torch.zeros_like(z), z], 1)

    x = torch.full((8, 1, 1, 1), 0.5)
    outcome = attack(APGD(steps=100, loss="margin"), Valley(), x, 0.3)
    assert not bool(outcome.success.any())
    assert torch.allclose(outcome.adversarial, torch.full_like(x, 0.537), atol=2e-3)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_it_breaks_what_pgd_breaks(norm: Norm) -> None:
    problem = grayscale()
    images = problem.correct(120)
    x, aim = images.floats(), Aim(images.labels)
    epsilon = "3/255" if norm is Norm.LINF else "0.3"
    ours = attack(APGD(steps=30), problem.trained, x, epsilon, norm=norm, aim=aim)
    plain = attack(PGD(steps=30), problem.trained, x, epsilon, norm=norm, aim=aim)
    assert 10 < int(plain.success.sum()) < 110
    assert int(ours.success.sum()) >= int(plain.success.sum())


@pytest.mark.parametrize(("norm", "theirs", "epsilon"), [(Norm.LINF, "Linf", 3 / 255), (Norm.L2, "L2", 0.3)])
def test_it_agrees_with_torchattacks(norm: Norm, theirs: str, epsilon: float) -> None:
    import torchattacks

    problem = grayscale()
    images = problem.correct(120)
    x, aim = images.floats(), Aim(images.labels)
    ours = attack(APGD(steps=30), problem.trained, x, epsilon, norm=norm, aim=aim)
    with torch.random.fork_rng(devices=[]):
        found = torchattacks.APGD(problem.trained, norm=theirs, eps=epsilon, steps=30)(x, aim.labels).detach()
    broken = decisions(problem.trained, found) != aim.labels
    assert 10 < int(broken.sum()) < 110
    assert int(ours.success.sum()) >= int(broken.sum()) - 1


@pytest.mark.parametrize("method", [APGD(steps=12), APGD(steps=12, loss="margin", targets=2)])
def test_two_batches_give_what_one_gives(method: APGD, images: Tensor) -> None:
    network = small_network(classes=3)
    for stop in Stop:
        whole = attack(method, network, images, "6/255", stop=stop)
        parts = in_two_parts(method, network, images, "6/255", stop=stop)
        assert torch.equal(whole.adversarial, parts.adversarial)
        assert torch.equal(whole.forwards, parts.forwards)


def test_success_never_falls_with_epsilon_steps_or_restarts(network: nn.Module, images: Tensor) -> None:
    by_epsilon = [int(attack(APGD(steps=10), network, images, e).success.sum()) for e in ("0", "1/255", "4/255", "1")]
    assert by_epsilon == sorted(by_epsilon)
    assert by_epsilon[0] == 0
    assert by_epsilon[-1] == len(images)
    by_steps = [int(attack(APGD(steps=n), network, images, "2/255").success.sum()) for n in (1, 5, 20, 60)]
    assert by_steps == sorted(by_steps)
    once = attack(APGD(steps=3), network, images, "2/255")
    thrice = attack(APGD(steps=3, restarts=3), network, images, "2/255")
    assert bool((thrice.success | ~once.success).all())


def test_targets_are_pursued_side_by_side_and_any_wrong_class_counts(images: Tensor) -> None:
    network = small_network(classes=8, seed=1)
    standing = attack(APGD(steps=4, loss="dlr", targets=9), network, images, "0.0001", stop=Stop.NEVER)
    assert set(standing.backwards.tolist()) == {4 * 7}
    assert set(standing.forwards.tolist()) == {1 + 5 * 7}
    one = attack(APGD(steps=8, loss="dlr", targets=1), network, images, "5/255")
    all_classes = attack(APGD(steps=8, loss="dlr", targets=7), network, images, "5/255")
    assert bool((all_classes.success | ~one.success).all())
    # The first search that succeeds ends those for the other classes.
    fallen = all_classes.success
    assert torch.equal(all_classes.forwards[fallen], 1 + 7 * (all_classes.broken_at[fallen] + 1))
    # A search for one class often ends in a third: those count too.
    arrived = one.logits.argmax(1)[one.success]
    assert bool((arrived != decisions(network, images)[one.success]).all())


def test_a_targeted_goal_has_one_target(images: Tensor) -> None:
    network = small_network(classes=5)
    least_likely = network(images).detach().argsort(1)[:, 0]
    aim = Aim(decisions(network, images), least_likely)
    outcome = attack(APGD(steps=30, loss="margin", targets=4), network, images, "0.3", aim=aim)
    assert bool(outcome.success.all())
    assert torch.equal(outcome.logits.argmax(1), least_likely)
    assert int(outcome.backwards.max()) <= 30


def test_saturated_cross_entropy_is_blind_where_the_margin_sees() -> None:
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    x = 0.5 + 0.05 * Noise.of(1, range(64)).normal((1, 12, 12))
    hot = Linear(1e4 * weight, bias=-1e4 * float((0.5 * weight).sum()))
    blind = attack(APGD(steps=10), hot, x, "2/255")
    seeing = attack(APGD(steps=10, loss="margin"), hot, x, "2/255")
    assert int(seeing.success.sum()) > int(blind.success.sum()) + 10


def test_it_works_through_bpda_and_over_draws(network: nn.Module, images: Tensor) -> None:
    rounded = DefendedModel(network, purify=lambda x, noise: (x * 31).round() / 31)
    aim = Aim(rounded.decide(images, Noise.of(0, range(24))).argmax(1).detach())
    assert int(attack(APGD(steps=10), rounded, images, "0.15", aim=aim, estimator=BPDA()).success.sum()) > 12
    noisy = DefendedModel(
        network, purify=lambda x, n: x + 0.02 * n.stream("noise").normal(x.shape[1:]), randomized=True, votes=4
    )
    outcome = attack(APGD(steps=6), noisy, images, "0", estimator=Autograd(draws=3), stop=Stop.NEVER)
    assert set(outcome.backwards.tolist()) == {18}


def test_the_objective_of_the_suite_replaces_the_loss(network: nn.Module, images: Tensor) -> None:
    one = attack(APGD(steps=5, loss="cross-entropy"), network, images, "2/255", objective=Margin(), stop=Stop.NEVER)
    other = attack(APGD(steps=5, loss="margin"), network, images, "2/255", stop=Stop.NEVER)
    assert torch.equal(one.adversarial, other.adversarial)


def test_a_loss_that_is_unknown_or_needs_more_classes_is_refused() -> None:
    with pytest.raises(UserError, match="unknown loss 'margn'"):
        APGD(loss="margn").default_objective()
    composition = Composition(Norm.LINF, Epsilon.parse("8/255"))
    train = grayscale().train
    for settings, classes in (({"loss": "dlr"}, 2), ({"loss": "dlr", "targets": 2}, 3)):
        aids = Aids(None, composition, train, classes, (), 0, torch.device("cpu"))
        with pytest.raises(UserError, match="'dlr' needs"):
            APGD(**settings).prepare(aids)  # type: ignore[arg-type]
