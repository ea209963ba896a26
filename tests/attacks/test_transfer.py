from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.mi_fgsm import MIFGSM
from attacks.objectives.aim import Aim
from attacks.transfer import MeanLogits, Transfer
from attacks.transfer_ensemble import TransferEnsemble
from benchmark.core.errors import UserError
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts, prepared
from tests.attacks.networks import decisions, small_network


class Counted(nn.Module):
    """A network that notes how many images it is asked about."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.rows = 0

    def forward(self, x: Tensor) -> Tensor:
        self.rows += len(x)
        return self.network(x)


@pytest.mark.parametrize("method", [Transfer(steps=5), TransferEnsemble(proxies=2, steps=5)])
def test_the_victim_is_asked_nothing_but_the_verdict(method: Transfer, images: Tensor) -> None:
    victim = Counted(small_network())
    proxies = tuple(Counted(small_network(seed=s)) for s in (1, 2))
    prepared(method, victim, images, "8/255", proxies=proxies)
    victim.rows = 0
    outcome = attack(method, victim, images, "8/255", aim=Aim(decisions(victim.network, images)))
    assert victim.rows == len(images)
    assert set(outcome.forwards.tolist()) == {0}
    assert set(outcome.backwards.tolist()) == {0}
    assert proxies[0].rows >= 5 * len(images)
    assert (proxies[1].rows > 0) == (method.proxies > 1)


def test_with_the_victim_as_its_own_proxy_it_is_the_white_box_attack(images: Tensor) -> None:
    network = small_network(classes=3)
    method = prepared(Transfer(steps=8), network, images, "4/255", proxies=(network,))
    ours = attack(method, network, images, "4/255", aim=Aim(decisions(network, images)))
    open_box = attack(MIFGSM(steps=8), network, images, "4/255", stop=Stop.NEVER)
    assert torch.equal(ours.adversarial, open_box.adversarial)


def test_the_ensemble_climbs_the_mean_of_the_logits(images: Tensor) -> None:
    first, second = small_network(classes=3, seed=1), small_network(classes=3, seed=2)
    assert torch.allclose(MeanLogits((first, second))(images), (first(images) + second(images)) / 2)
    victim = small_network(classes=3)
    aim = Aim(decisions(victim, images))
    both = prepared(TransferEnsemble(proxies=2, steps=4), victim, images, "4/255", proxies=(first, second))
    twice = prepared(TransferEnsemble(proxies=2, steps=4), victim, images, "4/255", proxies=(first, first))
    alone = prepared(Transfer(steps=4), victim, images, "4/255", proxies=(first, second))
    found = [attack(m, victim, images, "4/255", aim=aim).adversarial for m in (both, twice, alone)]
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[0], found[2])


def test_it_carries_over_to_a_model_trained_apart() -> None:
    problem = grayscale()
    images = problem.correct(60)
    x, aim = images.floats(), Aim(images.labels)
    # The same weights rescaled and shifted: another model with the same boundary, so that success is certain.
    sharper = problem.classifier()
    with torch.no_grad():
        last = [m for m in sharper.modules() if isinstance(m, nn.Linear)][-1]
        last.weight.mul_(3)
        last.bias.mul_(3)
    method = prepared(Transfer(), problem.trained, x, "32/255", proxies=(sharper,))
    counts = [int(attack(method, problem.trained, x, e, aim=aim).success.sum()) for e in ("0", "2/255", "32/255")]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 50


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_two_batches_give_what_one_gives(norm: Norm, images: Tensor) -> None:
    victim = small_network(classes=3)
    method = prepared(Transfer(steps=4), victim, images, "0.1", norm=norm, proxies=(small_network(classes=3, seed=5),))
    whole = attack(method, victim, images, "0.1", norm=norm)
    parts = in_two_parts(method, victim, images, "0.1", norm=norm)
    assert torch.equal(whole.adversarial, parts.adversarial)


def test_the_proxies_are_left_as_they_were(images: Tensor) -> None:
    proxy = small_network(seed=1).train()
    method = prepared(Transfer(steps=2), small_network(), images, "0.1", proxies=(proxy,))
    attack(method, small_network(), images, "0.1")
    assert proxy.training
    assert all(p.requires_grad and p.grad is None for p in proxy.parameters())


def test_too_few_proxies_are_refused(network: nn.Module, images: Tensor) -> None:
    with pytest.raises(UserError, match=r"needs 3 classifiers .* was given 1"):
        prepared(TransferEnsemble(), network, images, "0.1", proxies=(network,))
    with pytest.raises(UserError, match="no classifier to craft on"):
        attack(Transfer(), network, images, "0.1")
