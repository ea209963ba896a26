from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.geometry.ball import Ball
from attacks.objectives.aim import Aim
from attacks.searches.square_search import SquareSearch, side_length, with_square
from attacks.square import Square
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import decisions, small_network


def test_sides_shrink_as_in_the_paper() -> None:
    """p = 0.8 is halved after 10, 50, 200, 500, 1000, 2000, 4000, 6000 and 8000 of 10,000 queries."""
    sides = [side_length(step, 10_000, (28, 28)) for step in (0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)]
    assert sides == [25, 25, 18, 13, 9, 6, 4, 3, 2, 2, 1]
    # Another budget stretches the schedule; narrow images cut the square.
    assert side_length(51, 1000, (28, 28)) == side_length(510, 10_000, (28, 28))
    assert side_length(0, 100, (60, 5)) == 5


@pytest.mark.parametrize("side", [1, 3, 5])
def test_one_square_moves_to_the_edge_of_the_ball_and_the_rest_stays(side: int) -> None:
    center = 0.05 + 0.9 * Noise.of(0, range(600)).uniform((3, 7, 5))
    ball = Ball(Norm.LINF, 0.1, center)
    images = ball.random(Noise.of(1, range(600)))
    moved = with_square(ball, images, Noise.of(2, range(600)).uniform((5,)), side)
    changed = (moved != images).any(1)
    assert torch.equal(changed.flatten(1).sum(1), torch.full((600,), side * side))
    # The changed pixels are one block, so each of its rows and columns holds `side` of them.
    assert set(changed.sum(2).unique().tolist()) <= {0, side}
    assert set(changed.sum(1).unique().tolist()) <= {0, side}
    inside = changed[:, None].expand_as(moved)
    low, high = (center - 0.1).clamp(0, 1), (center + 0.1).clamp(0, 1)
    assert bool(((moved == low) | (moved == high))[inside].all())
    # Every place is reached.
    assert bool(changed.any(0).all())


def test_it_is_as_strong_as_torchattacks() -> None:
    images = grayscale().correct(60)
    x, aim, model = images.floats(), Aim(images.labels), grayscale().classifier()
    for epsilon in ("4/255", "12/255"):
        ours, theirs = (
            int(attack(m(queries=150), model, x, epsilon, aim=aim).success.sum()) for m in (SquareSearch, Square)
        )
        assert abs(ours - theirs) <= 5
    assert ours > 10


def test_the_margin_of_what_it_keeps_never_falls(network: nn.Module, images: Tensor) -> None:
    aim = Aim(decisions(network, images))
    margins = [
        aim.margin(attack(SquareSearch(queries=q), network, images, "2/255", stop=Stop.NEVER).logits)
        for q in (2, 9, 90)
    ]
    assert bool((margins[1] >= margins[0] - 1e-5).all())
    assert float(margins[2].mean()) > float(margins[1].mean()) > float(margins[0].mean())


def test_every_query_is_charged_and_success_ends_them(network: nn.Module, images: Tensor) -> None:
    standing = attack(SquareSearch(queries=70), network, images, "0.0001", stop=Stop.NEVER)
    assert set(standing.forwards.tolist()) == {70}
    fallen = attack(SquareSearch(queries=70), network, images, "1")
    assert torch.equal(fallen.forwards[fallen.success], fallen.broken_at[fallen.success] + 1)


@pytest.mark.parametrize("size", [(12, 12), (9, 20)])
@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(stop: Stop, size: tuple[int, int]) -> None:
    network = small_network(channels=3, classes=3, size=size)
    x = 0.1 + 0.8 * Noise.of(7, range(16)).uniform((3, *size))
    whole = attack(SquareSearch(queries=80), network, x, "0.1", stop=stop)
    parts = in_two_parts(SquareSearch(queries=80), network, x, "0.1", stop=stop)
    assert torch.equal(whole.adversarial, parts.adversarial)
    assert torch.equal(whole.forwards, parts.forwards)
