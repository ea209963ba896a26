"""The faster copy of a network: the same numbers, nothing shared that changes, and what cannot be folded left alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Attack, Attempt, Composition, Stop
from attacks.gradients.fast_copy import ThinConvolution, faster, search_model
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from attacks.victim import Victim
from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.wide_resnet import WideResNet
from benchmark.testing.problem import grayscale


def settled(network: nn.Module, shape: tuple[int, int, int]) -> nn.Module:
    """The network in eval mode after its normalisations have seen images, so that folding has something to fold."""
    with torch.no_grad():
        for step in range(3):
            network.train()(Noise.of(step, range(16)).uniform(shape))
    return network.eval()


def gradient(network: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(network(x).square().sum(), x)[0]


def normalizations(network: nn.Module) -> int:
    return sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 30, 22)])
def test_small_cnn_has_the_same_logits_and_gradients(shape: tuple[int, int, int]) -> None:
    built = SmallCNN().build(channels=shape[0], classes=3, size=shape[1:])
    network = DeployedClassifier(settled(built, shape), channels=shape[0], classes=3)
    copied = faster(network)
    x = Noise.of(9, range(12)).uniform(shape)
    with frozen(network, copied):
        assert torch.allclose(copied(x), network(x), rtol=1e-4, atol=1e-5)
        assert torch.allclose(gradient(copied, x), gradient(network, x), rtol=1e-3, atol=1e-5)
        # Rows stay apart, whatever batch they come in.
        assert torch.equal(gradient(copied, x)[2:10], gradient(copied, x[2:10]))
    assert normalizations(copied) == 0
    assert normalizations(network) == 4
    assert sum(isinstance(m, ThinConvolution) for m in copied.modules()) == 1


def test_a_residual_network_is_folded_where_a_convolution_comes_first() -> None:
    shape = (3, 16, 16)
    network = settled(WideResNet(depth=10, width=1).build(channels=3, classes=4, size=(16, 16)), shape)
    copied = faster(network)
    x = Noise.of(9, range(8)).uniform(shape)
    assert torch.allclose(copied(x), network(x), rtol=1e-4, atol=1e-4)
    assert 0 < normalizations(copied) < normalizations(network)


class Awkward(nn.Module):
    """What folding must leave alone: an output used twice, a convolution called twice, code that looks at its data."""

    def __init__(self) -> None:
        super().__init__()
        self.twice_used, self.twice_called = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.first, self.second, self.third = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.twice_used(x)
        h = self.first(h) + h
        h = self.third(self.twice_called(self.second(self.twice_called(h))))
        return self.head(h.mean((2, 3)))


class Branching(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x if float(x.sum()) > 0 else -x)


@pytest.mark.parametrize("wrap", [nn.Sequential, Branching])
def test_what_must_not_be_folded_is_not(wrap: type[nn.Module]) -> None:
    network = settled(wrap(Awkward()), (1, 9, 8))
    copied = faster(network)
    x = Noise.of(9, range(8)).uniform((1, 9, 8))
    assert torch.allclose(copied(x), network(x), rtol=1e-4, atol=1e-5)
    assert normalizations(copied) == 3


@pytest.mark.parametrize(
    ("stride", "padding", "size"), [(1, 0, (7, 9)), (2, 1, (8, 8)), (2, 1, (9, 12)), (3, 2, (11, 10))]
)
def test_the_thin_backward_pass_is_torchs(stride: int, padding: int, size: tuple[int, int]) -> None:
    plain = nn.Conv2d(2, 16, 3, stride=stride, padding=padding).double()
    x = Noise.of(0, range(3)).normal((2, *size), dtype=torch.float64).requires_grad_(True)
    assert torch.allclose(gradient(ThinConvolution(plain), x), gradient(plain, x))
    assert torch.autograd.gradcheck(ThinConvolution(plain), (x,))


def test_only_the_classifier_is_copied() -> None:
    network = settled(SmallCNN().build(channels=1, classes=2, size=(28, 28)), (1, 28, 28))
    purifier = nn.Conv2d(1, 1, 1)
    model = DefendedModel(network, purify=lambda x, noise: purifier(x), networks=[purifier], votes=3, randomized=True)
    copied = search_model(model, Noise.of(0, range(4)).uniform((1, 28, 28)))
    assert copied is not None
    assert model.classifier is network
    assert copied.classifier is not network
    assert copied.networks is model.networks
    assert copied.decision_passes == model.decision_passes
    noise, x = Noise.of(1, range(9)), Noise.of(2, range(9)).uniform((1, 28, 28))
    assert torch.allclose(copied.decide(x, noise), model.decide(x, noise), rtol=1e-4, atol=1e-5)


def test_a_copy_that_differs_is_refused() -> None:
    class Forgetful(nn.Module):
        """Behaves differently once copied."""

        def __init__(self) -> None:
            super().__init__()
            self.shift = 0.0

        def __deepcopy__(self, memo: object) -> Forgetful:
            other = Forgetful()
            other.shift = 1.0
            return other

        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1)[:, :2] + self.shift

    assert search_model(DefendedModel(Forgetful()), torch.rand(4, 1, 3, 3)) is None


def test_the_search_asks_the_copy_and_the_model_has_the_last_word() -> None:
    images = grayscale().correct(60)
    model, x, aim = DefendedModel(grayscale().classifier()), images.floats(), Aim(images.labels)
    asked: list[int] = []
    search = search_model(model, x)
    assert search is not None
    search.classifier.register_forward_hook(lambda module, given, result: asked.append(len(result)))
    noise = Noise.of(0, range(60))
    plain, quick = (
        PGD(steps=10)(model, x, aim, noise, Composition(Norm.LINF, Epsilon.parse("3/255"), search=s))
        for s in (None, search)
    )
    assert 5 < int(plain.success.sum()) < 55
    assert torch.equal(plain.success, quick.success)
    assert torch.equal(plain.forwards, quick.forwards)
    assert sum(asked) >= int(quick.forwards.sum())
    with torch.no_grad():
        assert torch.equal(quick.logits, model.eval().decide(quick.adversarial, noise.stream("verdict")))


def test_an_image_that_only_the_copy_sees_fall_is_attacked_again() -> None:
    """The copy errs on purpose; no image may count as broken, or as robust, on its word."""

    class Edge(nn.Module):
        def __init__(self, edge: float) -> None:
            super().__init__()
            self.edge = edge

        def forward(self, x: Tensor) -> Tensor:
            z = self.edge - x.flatten(1).mean(1)
            return torch.stack([torch.zeros_like(z), z], 1)

    class Walker(Attack):
        """Brightens by ε at once, or in a second step if the first did not do."""

        def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
            for step, share in enumerate((0.5, 1.0)):
                moved = x + share * victim.ball.epsilon
                if bool(victim.aim.reached(victim.scores(moved, noise)).all()):
                    return Attempt(moved, torch.full((len(x),), step))
            return Attempt(x)

    x, aim = torch.full((8, 1, 4, 4), 0.5), Aim(torch.ones(8, dtype=torch.int64))
    model, hasty = DefendedModel(Edge(0.58)), DefendedModel(Edge(0.53))
    composition = Composition(Norm.LINF, Epsilon.parse("0.1"), search=hasty)
    outcome = Walker()(model, x, aim, Noise.of(0, range(8)), composition)
    assert bool(outcome.success.all())
    assert set(outcome.broken_at.tolist()) == {1}
    assert set(outcome.forwards.tolist()) == {3}
