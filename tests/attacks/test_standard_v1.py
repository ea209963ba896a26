from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.apgd import APGD
from attacks.base import Stop
from attacks.gradients.bpda import BPDA
from attacks.gradients.undefended import Undefended
from attacks.objectives.aim import Aim
from attacks.searches.square_search import SquareSearch
from attacks.standard_v1 import StandardV1
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.testing.problem import color, grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import Linear, decisions, small_network


def middling(network: nn.Module, images: Tensor) -> float:
    """A bound under which about half of the images fall: the median of the distances along the sign of the gradient."""
    x = images.clone().requires_grad_(True)
    logits = network(x)
    margin = logits.topk(2, dim=1).values
    gap = margin[:, 0] - margin[:, 1]
    gradient = torch.autograd.grad(gap.sum(), x)[0]
    return float((gap.detach() / gradient.flatten(1).abs().sum(1)).median())


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (2, ["apgd cross-entropy", "apgd margin", "fab", "square"]),
        (3, ["apgd cross-entropy", "apgd margin", "apgd dlr", "fab", "square"]),
        (4, ["apgd cross-entropy", "apgd dlr targeted", "fab", "square"]),
        (30, ["apgd cross-entropy", "apgd dlr targeted", "fab", "square"]),
    ],
)
def test_the_members_are_those_of_the_protocol(classes: int, labels: list[str]) -> None:
    members = StandardV1().members(classes)
    assert [m.label for m in members] == labels
    targeted = [m.attack for m in members if isinstance(m.attack, APGD) and m.attack.targets]
    assert [m.targets for m in targeted] == ([] if classes < 4 else [min(9, classes - 1)])


@pytest.mark.parametrize("classes", [2, 3, 4, 8])
def test_it_breaks_whatever_a_member_breaks(classes: int, images: Tensor) -> None:
    network = small_network(classes=classes)
    epsilon = middling(network, images)
    ensemble = attack(StandardV1(steps=10, queries=20), network, images, epsilon).success
    assert 4 < int(ensemble.sum()) < 20
    for member in StandardV1(steps=10, queries=20).members(classes)[:-1]:
        alone = attack(member.attack, network, images, epsilon).success
        # Starts are drawn afresh within the ensemble.
        assert int(ensemble.sum()) >= int(alone.sum()) - 1, member.label


def test_only_survivors_go_on_and_their_passes_add_up(images: Tensor) -> None:
    network = small_network(classes=2)
    method = StandardV1(steps=5, queries=10)
    outcome = attack(method, network, images, middling(network, images))
    members = method.members(2)
    early = (outcome.broken_at >= 0) & (outcome.broken_at < members[0].attack.duration().numbers)
    standing = ~outcome.success
    assert bool(early.any())
    assert bool(standing.any())
    assert int(outcome.forwards[early].max()) < int(outcome.forwards[standing].min())
    # Standing: the class query, two APGDs with a last look each, FAB, Square's queries, and a look at every result.
    assert int(outcome.backwards[standing].min()) >= 5 + 5 + 5
    assert int(outcome.forwards[standing].min()) >= 1 + 6 + 6 + 5 + 10 + 4


def test_the_step_of_the_break_tells_the_member(images: Tensor) -> None:
    """Square sees what gradients do not: a model whose gradient is switched off falls in its turn alone."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network(classes=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.network(x.detach()) + 0 * x.sum()

    outcome = attack(StandardV1(steps=3, queries=100), Masked(), images, "0.2")
    broken = outcome.broken_at[outcome.success]
    assert len(broken) > 5
    before_square = sum(m.attack.duration().numbers for m in StandardV1(steps=3).members(2)[:-1])
    # Random starts may break some by chance; no gradient step breaks another.
    late = broken >= before_square
    assert bool(late.any())
    assert bool((outcome.forwards[outcome.success][late] > 10).all())


def test_saturated_logits_do_not_hide_two_classes() -> None:
    """Cross-entropy underflows at logits of a thousand; the margin is in the ensemble for that."""
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    x = 0.5 + 0.05 * Noise.of(1, range(32)).normal((1, 12, 12))
    soft = Linear(weight, bias=-float((0.5 * weight).sum()))
    hot = Linear(1e5 * weight, bias=-1e5 * float((0.5 * weight).sum()))
    reachable = soft(x)[:, 1].detach().abs() < float(weight.abs().sum()) * 0.99 * 2 / 255
    outcome = attack(StandardV1(steps=15, queries=5), hot, x, "2/255")
    assert bool(reachable.any())
    assert bool(outcome.success[reachable].all())


def test_what_stands_is_submitted_within_the_bound_at_its_best(images: Tensor) -> None:
    network = small_network(classes=3)
    outcome = attack(StandardV1(steps=5, queries=10), network, images, "3/2550")
    standing = ~outcome.success
    assert bool(standing.any())
    aim = Aim(decisions(network, images))
    clean = aim.margin(network(images).detach())
    assert bool((aim.margin(outcome.logits) > clean)[standing].all())


def test_it_agrees_with_torchattacks_on_three_classes() -> None:
    """Its AutoAttack cannot run on three classes; the strongest of its members that can, by image, is the yardstick."""
    import torchattacks

    problem = color()
    images = problem.correct(40)
    x, aim = images.floats(), Aim(images.labels)
    ours = attack(StandardV1(steps=20, queries=50), problem.trained, x, "2/255", aim=aim).success
    theirs = torch.zeros(40, dtype=torch.bool)
    with torch.random.fork_rng(devices=[]):
        for other in (
            torchattacks.APGD(problem.trained, eps=2 / 255, steps=20),
            torchattacks.FAB(problem.trained, eps=2 / 255, steps=20, n_classes=3),
        ):
            theirs |= decisions(problem.trained, other(x, aim.labels).detach()) != aim.labels
    assert 0 < int(theirs.sum()) < 40
    assert int(ours.sum()) >= int(theirs.sum())


def test_a_targeted_goal_is_met_by_the_target_alone(images: Tensor) -> None:
    network = small_network(classes=5)
    ranked = network(images).detach().argsort(1, descending=True)
    aim = Aim(ranked[:, 0], ranked[:, 2])
    outcome = attack(StandardV1(steps=20, queries=5), network, images, "0.3", aim=aim)
    assert bool(outcome.success.all())
    assert torch.equal(outcome.logits.argmax(1), aim.targets)


def test_it_takes_the_estimator_of_the_suite() -> None:
    problem = grayscale()
    images = problem.correct(24)
    x, aim = images.floats(), Aim(images.labels)
    rounded = DefendedModel(problem.classifier(), purify=lambda x, n: ((x * 127).round() / 127).detach())
    aim = Aim(rounded.decide(x, Noise.of(0, range(24))).argmax(1).detach())
    outcome = attack(StandardV1(steps=10, queries=5), rounded, x, "16/255", aim=aim, estimator=BPDA())
    assert float(outcome.success.float().mean()) > 0.8


def test_an_attacker_who_ignores_the_defense_is_refused(network: nn.Module, images: Tensor) -> None:
    from attacks.base import Aids, Composition
    from benchmark.core.threat import Epsilon, Norm

    composition = Composition(Norm.LINF, Epsilon.parse("8/255"), estimator=Undefended(), stop=Stop.FIRST_SUCCESS)
    aids = Aids(DefendedModel(network), composition, grayscale().train, 2, (), 0, torch.device("cpu"))
    with pytest.raises(UserError, match="without seeing the defense"):
        StandardV1().prepare(aids)


@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(stop: Stop, images: Tensor) -> None:
    network, method = small_network(classes=3), StandardV1(steps=6, queries=12)
    epsilon = middling(network, images)
    whole = attack(method, network, images, epsilon, stop=stop)
    parts = in_two_parts(method, network, images, epsilon, stop=stop)
    assert torch.allclose(whole.adversarial, parts.adversarial, atol=1e-6)
    assert torch.equal(whole.forwards, parts.forwards)
    assert torch.equal(whole.broken_at, parts.broken_at)


def test_a_member_that_may_only_query_gets_no_gradient(network: nn.Module, images: Tensor, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    faced: list[object] = []
    real = SquareSearch.run

    def spying(self, victim, x, noise, stop):  # type: ignore[no-untyped-def]
        faced.append(victim)
        return real(self, victim, x, noise, stop)

    monkeypatch.setattr(SquareSearch, "run", spying)
    attack(StandardV1(steps=2, queries=3), network, images, "0.0001")
    assert len(faced) == 1
    assert not hasattr(faced[0], "gradient")
    assert not hasattr(faced[0], "model")
