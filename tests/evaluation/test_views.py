"""Images that no file holds, and that show the same."""

from __future__ import annotations

import pytest
import torch

from benchmark.core.noise import Noise
from benchmark.evaluation.views import MOST_NOISE, composite, joined, mirrored, moved, shifted
from benchmark.testing.problem import grayscale

SHAPES = [(1, 28, 28), (3, 9, 14)]


def images(count: int, shape: tuple[int, ...]) -> torch.Tensor:
    return (Noise.of(0, range(count)).uniform(shape) * 255).round() / 255


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shift_moves_every_pixel_and_repeats_the_edge(shape: tuple[int, ...]) -> None:
    x = images(3, shape)
    found = shifted(x, 1, -2)
    assert torch.equal(found[:, :, 1:, :-2], x[:, :, :-1, 2:])
    assert torch.equal(found[:, :, 0, :-2], x[:, :, 0, 2:])
    assert torch.equal(found[:, :, 1:, -1], x[:, :, :-1, -1])
    each = shifted(x, torch.tensor([0, 1, -1]), torch.tensor([0, -2, 3]))
    for row, (down, right) in enumerate([(0, 0), (1, -2), (-1, 3)]):
        assert torch.equal(each[row], shifted(x[row : row + 1], down, right)[0])
    assert torch.equal(each[0], x[0])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_way_of_moving_is_taken_and_none_leaves_the_image(shape: tuple[int, ...]) -> None:
    x = images(1, shape).expand(400, -1, -1, -1)
    found = moved(x, Noise.of(1, range(400)))
    ways = [
        shifted(mirrored(x[:1]) if mirror else x[:1], down, right)[0]
        for mirror in (False, True)
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]
    counts = [int((found == way).flatten(1).all(1).sum()) for way in ways]
    assert counts[4] == 0
    assert sum(counts) == 400
    assert min(counts[:4] + counts[5:]) > 5


@pytest.mark.parametrize("change", [moved, composite])
def test_a_view_is_its_own_images_alone_and_stays_in_range(change) -> None:
    x, noise = images(12, (3, 9, 14)), Noise.of(2, range(12))
    found = change(x, noise)
    assert torch.allclose(change(x[3:7], noise[3:7]), found[3:7], atol=1e-6)
    assert found.shape == x.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert not torch.equal(change(x, noise.stream("other")), found)


def test_a_composite_is_near_the_mirror_image_of_a_smooth_one_and_equal_to_no_shift_of_it() -> None:
    across, down = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 32), indexing="ij")
    x = (0.5 + 0.4 * (3 * across + 2 * down).sin()).expand(50, 1, 32, 32)
    found = composite(x, Noise.of(3, range(50)))
    assert (found - mirrored(x)).abs().mean() < 0.05
    for change in (lambda y: y, mirrored):
        for down_by in range(-2, 3):
            for right_by in range(-2, 3):
                near = (shifted(change(x), down_by, right_by) - found).abs().flatten(1).amax(1)
                assert bool((near > MOST_NOISE).all())


def test_a_trained_classifier_says_the_same_of_a_view() -> None:
    """Of waves whose direction is the class, which a mirror leaves horizontal or vertical."""
    problem = grayscale()
    kept = problem.correct(100)
    x, noise = kept.floats(), Noise.of(4, kept.index)
    with torch.no_grad():
        for view in (moved(x, noise), composite(x, noise)):
            assert float((problem.trained(view).argmax(1) == kept.labels).double().mean()) > 0.85


def test_joined_images_are_of_one_class_on_either_side_and_nowhere_beyond_them() -> None:
    labels = torch.tensor([0, 1, 0, 1, 0, 2])
    x = (labels.float() / 4)[:, None, None, None].expand(6, 1, 16, 16)
    noise = Noise.of(0, range(6))
    # Whoever is joined has the same grey, so that nothing changes.
    torch.testing.assert_close(joined(x, labels, noise), x)
    drawn = Noise.of(1, range(6)).uniform((1, 16, 16))
    made = joined(drawn, labels, noise)
    assert (made - drawn).abs().flatten(1).amax(1).gt(0.1).tolist() == [True] * 5 + [False]
    own = (made - drawn).abs().lt(1e-3).flatten(1).double().mean(1)[:5]
    assert bool(((own > 0.25) & (own < 0.6)).all())
