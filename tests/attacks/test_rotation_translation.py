from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.objectives.aim import Aim
from attacks.rotation_translation import RotationTranslation, moved_rigidly
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import small_network


def drawn(*shape: int) -> Tensor:
    return Noise.of(0, range(shape[0])).uniform(shape[1:])


@pytest.mark.parametrize("size", [(12, 12), (9, 14)])
def test_no_motion_is_the_identity(size: tuple[int, int]) -> None:
    x = drawn(3, 2, *size)
    assert torch.allclose(moved_rigidly(x, torch.zeros(3), torch.zeros(3, 2)), x, atol=1e-5)


def test_quarter_and_half_turns_are_those_of_torch() -> None:
    x = drawn(3, 2, 9, 9)
    for quarters in (1, 2, 3):
        turned = moved_rigidly(x, torch.full((3,), quarters * math.pi / 2), torch.zeros(3, 2))
        assert torch.allclose(turned, torch.rot90(x, quarters, (2, 3)), atol=1e-4)
    wide = drawn(2, 1, 6, 11)
    half = moved_rigidly(wide, torch.full((2,), math.pi), torch.zeros(2, 2))
    assert torch.allclose(half, wide.flip(2, 3), atol=1e-4)


def test_a_shift_moves_down_and_right_and_brings_in_black() -> None:
    x = 0.2 + 0.8 * drawn(2, 1, 8, 10)
    moved = moved_rigidly(x, torch.zeros(2), torch.tensor([[2.0, 3.0], [-1.0, 0.0]]))
    assert torch.allclose(moved[0, :, 2:, 3:], x[0, :, :-2, :-3], atol=1e-5)
    assert float(moved[0, :, :2].abs().max()) == 0
    assert float(moved[0, :, :, :3].abs().max()) == 0
    assert torch.allclose(moved[1, :, :-1], x[1, :, 1:], atol=1e-5)


def test_angles_agree_with_torchvision() -> None:
    from torchvision.transforms.functional import InterpolationMode, rotate

    x = drawn(1, 1, 15, 15)
    ours = moved_rigidly(x, torch.tensor([math.radians(20)]), torch.zeros(1, 2))
    theirs = rotate(x, 20, interpolation=InterpolationMode.BILINEAR)
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))
    assert torch.allclose(ours[inner], theirs[inner], atol=1e-4)


class Brightest(nn.Module):
    """Class 1 while the brightest pixel is in the middle column."""

    def forward(self, x: Tensor) -> Tensor:
        middle = x.shape[3] // 2
        z = x[:, 0, :, middle].amax(1) - 0.5
        return torch.stack([torch.zeros_like(z), z], dim=1)


def test_it_finds_the_one_motion_that_works_and_says_how_large_it_may_be() -> None:
    x = torch.zeros(4, 1, 9, 9)
    x[:, :, 4, 4] = 1
    aim = Aim(torch.ones(4, dtype=torch.int64))
    still = RotationTranslation(degrees=30, pixels=0, shifts=1)
    assert not bool(attack(still, Brightest(), x, "1", norm=Norm.SPATIAL, aim=aim).success.any())
    moving = RotationTranslation(degrees=0, angles=1, pixels=1, shifts=3)
    outcome = attack(moving, Brightest(), x, "1", norm=Norm.SPATIAL, aim=aim)
    assert bool(outcome.success.all())
    assert moving.bound(Norm.SPATIAL, Epsilon.parse("1")) == "rotation by at most 0° and shifts of at most 1 pixels"
    assert RotationTranslation().count() == 775


def test_zero_allows_no_motion_and_any_other_epsilon_the_same(images: Tensor, network: nn.Module) -> None:
    method = RotationTranslation(angles=5, shifts=3)
    zero, small, large = (attack(method, network, images, e, norm=Norm.SPATIAL) for e in ("0", "0.01", "1"))
    assert torch.equal(zero.adversarial, images)
    assert torch.equal(small.adversarial, large.adversarial)
    assert bool(small.success.any())


@pytest.mark.parametrize("method", [RotationTranslation(angles=7, shifts=3), RotationTranslation(draws=30)])
@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(method: RotationTranslation, stop: Stop) -> None:
    network = small_network(channels=3, classes=3, size=(10, 16))
    x = drawn(12, 3, 10, 16)
    whole = attack(method, network, x, "1", norm=Norm.SPATIAL, stop=stop)
    parts = in_two_parts(method, network, x, "1", norm=Norm.SPATIAL, stop=stop)
    assert torch.allclose(whole.adversarial, parts.adversarial, atol=1e-6)
    assert torch.equal(whole.forwards, parts.forwards)


def test_a_finer_grid_and_more_draws_only_add_successes(images: Tensor, network: nn.Module) -> None:
    # Every value of the coarse grid is in the fine one.
    coarse = attack(RotationTranslation(angles=3, shifts=3), network, images, "1", norm=Norm.SPATIAL).success
    fine = attack(RotationTranslation(angles=5, shifts=5), network, images, "1", norm=Norm.SPATIAL).success
    assert bool((fine | ~coarse).all())
    few = attack(RotationTranslation(draws=10), network, images, "1", norm=Norm.SPATIAL).success
    many = attack(RotationTranslation(draws=60), network, images, "1", norm=Norm.SPATIAL).success
    assert bool((many | ~few).all())


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_rotations_break_what_foolbox_breaks_with_them() -> None:
    """Shifts differ there: a pixel is a little shorter, and the image is shifted before it is turned."""
    import foolbox

    images = grayscale().correct(60)
    x, aim, model = images.floats(), Aim(images.labels), grayscale().classifier()
    method = RotationTranslation(degrees=20, pixels=0, angles=5, shifts=1)
    ours = attack(method, model, x, "1", norm=Norm.SPATIAL, aim=aim)
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.SpatialAttack(max_translation=0, num_translations=1, max_rotation=20, num_rotations=5)
    _, _, success = theirs(wrapped, x, aim.labels)
    assert 10 < int(success.sum()) < 50
    assert int((ours.success != success).sum()) <= 1
