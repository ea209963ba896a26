from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.gradients.autograd import Autograd
from attacks.gradients.base import UnavailableGradientError
from attacks.gradients.bpda import BPDA
from attacks.gradients.undefended import Undefended
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.margin import Margin
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from tests.attacks.networks import decisions


def plain_gradient(network: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(nn.functional.cross_entropy(network(x), labels, reduction="sum"), x)[0]


def quantize(x: Tensor, noise: Noise) -> Tensor:
    return (x * 7).round() / 7


def blur(x: Tensor, noise: Noise) -> Tensor:
    return x + 0.05 * noise.stream("blur").normal(x.shape[1:])


def test_bpda_is_the_classifier_gradient_at_the_purified_image(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    model = DefendedModel(network, purify=quantize)
    ours = BPDA()(model, CrossEntropy(), images, aim, noise).gradient
    assert torch.equal(ours, plain_gradient(network, quantize(images, noise), aim.labels))


def test_bpda_and_autograd_agree_without_a_purifier(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    model = DefendedModel(network)
    first = BPDA()(model, CrossEntropy(), images, aim, noise).gradient
    assert torch.equal(first, Autograd()(model, CrossEntropy(), images, aim, noise).gradient)
    assert torch.equal(first, plain_gradient(network, images, aim.labels))


def test_bpda_differentiates_a_declared_surrogate(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    halved = DefendedModel(network, purify=quantize, surrogate=lambda x: 0.5 * x)
    plain = DefendedModel(network, purify=quantize)
    ours = BPDA()(halved, CrossEntropy(), images, aim, noise).gradient
    assert torch.allclose(ours, 0.5 * BPDA()(plain, CrossEntropy(), images, aim, noise).gradient, rtol=1e-5)


def test_bpda_goes_through_the_surrogate_that_is_named(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    offered = {"half": lambda x: 0.5 * x, "identity": lambda x: -x}
    model = DefendedModel(network, purify=quantize, surrogates=offered)
    assert model.surrogates == ("identity", "half")
    plain = BPDA()(DefendedModel(network, purify=quantize), CrossEntropy(), images, aim, noise).gradient
    for name, factor in (("half", 0.5), ("", 0.5), ("identity", 1.0)):
        ours = BPDA(surrogate=name)(model, CrossEntropy(), images, aim, noise).gradient
        assert torch.allclose(ours, factor * plain, rtol=1e-5), name
    with pytest.raises(UserError, match="did you mean 'half'"):
        BPDA(surrogate="hal")(model, CrossEntropy(), images, aim, noise)


def test_a_rounding_defense_has_no_useful_autograd_gradient(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(network, purify=lambda x, noise: quantize(x.detach(), noise))
    with pytest.raises(UnavailableGradientError):
        Autograd()(model, CrossEntropy(), images, Aim(decisions(network, images)), Noise.of(0, range(24)))


def test_eot_is_the_gradient_of_the_mean_logits(network: nn.Module, images: Tensor) -> None:
    """Hill et al. 2021, eq. 18, written out with a loop over draws and differentiated in one piece."""
    draws, aim, noise = 5, Aim(decisions(network, images)), Noise.of(0, range(24))
    model = DefendedModel(network, purify=blur, randomized=True)
    ours = Autograd(draws=draws)(model, CrossEntropy(), images, aim, noise)
    x = images.clone().requires_grad_(True)
    copies = noise.repeat(draws).stream("defense")
    rows = torch.arange(24) * draws
    logits = torch.stack([network(blur(x, copies[rows + h])) for h in range(draws)]).mean(0)
    expected = torch.autograd.grad(nn.functional.cross_entropy(logits, aim.labels, reduction="sum"), x)[0]
    assert torch.allclose(ours.logits, logits, atol=1e-5)
    assert torch.allclose(ours.gradient, expected, atol=1e-6, rtol=1e-4)


def test_each_copy_contributes_the_softmax_residual_times_its_jacobian(images: Tensor) -> None:
    """With a linear classifier the copies' gradients are (softmax(mean logits) − e_y) J / H, whatever the noise."""
    weight = Noise.of(1, [0]).normal((2, 144))[0]
    head = nn.Sequential(nn.Flatten(), nn.Linear(144, 2, bias=False))
    head[1].weight.data.copy_(weight)
    aim = Aim(torch.zeros(24, dtype=torch.int64))
    model = DefendedModel(head, purify=blur, randomized=True)
    ours = Autograd(draws=4)(model, CrossEntropy(), images, aim, Noise.of(0, range(24)))
    residual = ours.logits.softmax(1) - nn.functional.one_hot(aim.labels, 2)
    assert torch.allclose(ours.gradient.flatten(1), residual @ weight, atol=1e-5)


def test_one_draw_of_a_deterministic_model_equals_many(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    model = DefendedModel(network)
    one = Autograd(draws=1)(model, Margin(), images, aim, noise).gradient
    many = Autograd(draws=6)(model, Margin(), images, aim, noise).gradient
    assert torch.allclose(one, many, atol=1e-6)


def test_the_gradient_of_an_image_does_not_depend_on_its_batch(network: nn.Module, images: Tensor) -> None:
    noise, aim = Noise.of(0, range(24)), Aim(decisions(network, images))
    model = DefendedModel(network, purify=blur, randomized=True)
    whole = Autograd(draws=3)(model, CrossEntropy(), images, aim, noise).gradient
    rows = torch.tensor([20, 3, 11])
    part = Autograd(draws=3)(model, CrossEntropy(), images[rows], aim[rows], noise[rows]).gradient
    # The numbers drawn are the same, to the bit; a backward pass over few rows may round its sums otherwise.
    assert torch.allclose(part, whole[rows], rtol=1e-5, atol=1e-8)


def test_undefended_ignores_the_purifier(network: nn.Module, images: Tensor) -> None:
    aim = Aim(decisions(network, images))
    model = DefendedModel(network, purify=quantize)
    ours = Undefended()(model, CrossEntropy(), images, aim, Noise.of(0, range(24))).gradient
    assert torch.equal(ours, plain_gradient(network, images, aim.labels))


def test_the_gradient_of_a_finite_difference(network: nn.Module, images: Tensor) -> None:
    double = network.double()
    x, aim = images[:8].double(), Aim(decisions(double, images[:8].double()))
    model, noise = DefendedModel(double), Noise.of(0, range(8))
    direction = Noise.of(2, range(8)).normal((1, 12, 12), dtype=torch.float64)
    gradient = Autograd()(model, CrossEntropy(), x, aim, noise).gradient
    step = 1e-6
    ahead = Autograd()(model, CrossEntropy(), x + step * direction, aim, noise).value
    behind = Autograd()(model, CrossEntropy(), x - step * direction, aim, noise).value
    assert torch.allclose((ahead - behind) / (2 * step), (gradient * direction).flatten(1).sum(1), rtol=1e-4, atol=1e-7)
