from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.objectives.aim import Aim
from attacks.uap import UniversalPerturbation
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts, prepared
from tests.attacks.networks import Linear, decisions, small_network


def training(count: int = 100) -> Tensor:
    return 0.2 + 0.6 * Noise.of(3, range(count)).uniform((1, 12, 12))


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_every_image_gets_the_same_perturbation_within_the_bound(norm: Norm, images: Tensor) -> None:
    network = small_network(classes=3)
    epsilon = 0.05 if norm is Norm.LINF else 0.4
    method = prepared(UniversalPerturbation(epochs=3), network, training(), epsilon, norm=norm)
    outcome = attack(method, network, images, epsilon, norm=norm)
    delta = outcome.adversarial - images
    assert torch.allclose(delta, delta[:1].expand_as(delta), atol=1e-6)
    size = float(delta[0].abs().max() if norm is Norm.LINF else delta[0].norm())
    assert size == pytest.approx(epsilon, rel=1e-4)
    assert set(outcome.forwards.tolist()) == {1}
    assert set(outcome.backwards.tolist()) == {0}
    assert torch.equal(outcome.broken_at == 0, outcome.success)


def test_near_black_and_white_it_is_cut_off_and_nowhere_else(images: Tensor) -> None:
    network = small_network(classes=3)
    method = prepared(UniversalPerturbation(epochs=1), network, training(), 0.1)
    assert isinstance(method, UniversalPerturbation)
    assert method.delta_ is not None
    edge = images.clone()
    edge[:, :, :6] = 0
    moved = attack(method, network, edge, 0.1).adversarial
    assert torch.equal(moved, (edge + method.delta_).clamp(0, 1))
    assert bool((moved[:, :, :6] == 0).any())


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_on_a_linear_model_the_perturbation_is_the_steepest(norm: Norm) -> None:
    """Images of one class alone: the best single perturbation is −ε sign(w), or −ε w / ‖w‖ where no pixel is held."""
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    model = Linear(weight, bias=50.0)
    epsilon = 0.1 if norm is Norm.LINF else 0.5
    method = prepared(UniversalPerturbation(epochs=8), model, training(), epsilon, norm=norm)
    assert isinstance(method, UniversalPerturbation)
    assert method.delta_ is not None
    best = -epsilon * (weight.sign() if norm is Norm.LINF else weight / weight.norm())
    assert torch.allclose(method.delta_, best, rtol=0.02, atol=1e-4)


def test_what_is_learnt_on_training_images_fools_others_more_than_noise_does() -> None:
    problem = grayscale()
    images = problem.correct(100)
    x, aim = images.floats(), Aim(images.labels)
    method = prepared(UniversalPerturbation(epochs=5), problem.trained, problem.train.floats(), "16/255")
    fooled = attack(method, problem.trained, x, "16/255", aim=aim).success
    method.delta_ = 16 / 255 * Noise.of(0, [0]).signs(x.shape[1:])[0]  # type: ignore[attr-defined]
    by_noise = attack(method, problem.trained, x, "16/255", aim=aim).success
    assert int(fooled.sum()) > int(by_noise.sum()) + 20


def test_the_same_seed_gives_the_same_perturbation(network: nn.Module) -> None:
    def crafted(seed: int) -> Tensor:
        method = prepared(
            UniversalPerturbation(epochs=2, images=60, batch_size=16), network, training(), 0.05, seed=seed
        )
        assert isinstance(method, UniversalPerturbation)
        assert method.delta_ is not None
        return method.delta_

    state = torch.get_rng_state()
    assert torch.equal(crafted(0), crafted(0))
    assert not torch.equal(crafted(0), crafted(1))
    assert torch.equal(state, torch.get_rng_state())


def test_a_larger_bound_fools_more(network: nn.Module, images: Tensor) -> None:
    counts = []
    for epsilon in ("0", "0.02", "0.2", "1"):
        method = prepared(UniversalPerturbation(epochs=3), network, training(), epsilon)
        counts.append(int(attack(method, network, images, epsilon).success.sum()))
    assert counts == sorted(counts)
    assert counts[0] == 0
    # One perturbation pushes all images to the same side, so at worst those of the other class fall.
    smaller = int(torch.bincount(decisions(network, images), minlength=2).min())
    assert counts[-1] >= min(smaller, 24 - smaller)


def test_two_batches_give_what_one_gives(network: nn.Module, images: Tensor) -> None:
    method = prepared(UniversalPerturbation(epochs=1), network, training(), 0.1)
    for stop in Stop:
        whole = attack(method, network, images, 0.1, stop=stop)
        assert torch.equal(whole.adversarial, in_two_parts(method, network, images, 0.1, stop=stop).adversarial)


def test_it_must_be_prepared(network: nn.Module, images: Tensor) -> None:
    with pytest.raises(UserError, match="no perturbation"):
        attack(UniversalPerturbation(), network, images, 0.1)
