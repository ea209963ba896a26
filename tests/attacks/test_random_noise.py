from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.geometry.ball import Ball
from attacks.objectives.aim import Aim
from attacks.random_noise import RandomNoise
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from tests.attacks.attacking import attack, in_two_parts


class Step(nn.Module):
    """One pixel: class 1 below the edge, class 0 above."""

    def __init__(self, edge: float) -> None:
        super().__init__()
        self.edge = edge

    def forward(self, x: Tensor) -> Tensor:
        z = self.edge - x.flatten(1)[:, 0]
        return torch.stack([torch.zeros_like(z), z], dim=1)


@pytest.mark.parametrize(("draws", "expected"), [(1, 0.25), (2, 1 - 0.75 * 0.5), (7, 1 - 0.75**4 * 0.5**3)])
def test_success_has_the_probability_of_a_hit_among_independent_draws(draws: int, expected: float) -> None:
    """With the edge ε/2 away, a uniform draw crosses it with probability 1/4 and a corner with 1/2."""
    x = torch.full((3000, 1, 1, 1), 0.5)
    aim = Aim(torch.ones(3000, dtype=torch.int64))
    outcome = attack(RandomNoise(draws=draws), Step(0.55), x, "0.1", aim=aim)
    spread = (expected * (1 - expected) / 3000) ** 0.5
    assert float(outcome.success.float().mean()) == pytest.approx(expected, abs=4 * spread)


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_draws_lie_inside_and_at_the_edge_in_turn(norm: Norm, images: Tensor) -> None:
    ball = Ball(norm, 0.01, images)
    numbers = torch.arange(10)
    drawn = RandomNoise().candidates(ball, Noise.of(0, range(24)), numbers)
    sizes = torch.stack([ball.size(drawn[:, i]) for i in range(10)], 1)
    assert float(sizes.max()) <= 0.01 + 1e-6
    assert torch.allclose(sizes[:, 1::2], torch.full((24, 5), 0.01), atol=1e-6)
    assert bool((sizes[:, 0::2] < 0.01).all())
    if norm is Norm.LINF:
        assert torch.allclose((drawn[:, 1::2] - images[:, None]).abs(), torch.tensor(0.01), atol=1e-6)
    assert len({float(v) for v in drawn[:, :, 0, 3, 4].flatten()}) > 24 * 5


def test_every_draw_is_a_query_until_the_image_falls(images: Tensor, network: nn.Module) -> None:
    outcome = attack(RandomNoise(draws=40), network, images, "0.0001", stop=Stop.NEVER)
    assert set(outcome.forwards.tolist()) == {40}
    assert set(outcome.backwards.tolist()) == {0}
    fast = attack(RandomNoise(draws=40), network, images, "1")
    fallen = fast.broken_at >= 0
    assert torch.equal(fallen, fast.success)
    assert bool(fallen.any())
    # Draws are asked about sixteen at a time.
    assert torch.equal(fast.forwards[fallen], ((fast.broken_at[fallen] // 16 + 1) * 16).clamp(max=40))


def test_more_draws_and_larger_balls_only_add_successes(images: Tensor, network: nn.Module) -> None:
    before = torch.zeros(24, dtype=torch.bool)
    for draws in (5, 20, 80):
        success = attack(RandomNoise(draws=draws), network, images, "0.1").success
        assert bool((success | ~before).all())
        before = success
    counts = [int(attack(RandomNoise(draws=20), network, images, e).success.sum()) for e in ("0", "0.05", "0.3", "1")]
    assert counts == sorted(counts)
    assert counts[0] == 0


@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(stop: Stop, images: Tensor, network: nn.Module) -> None:
    whole = attack(RandomNoise(draws=40), network, images, "0.2", stop=stop)
    parts = in_two_parts(RandomNoise(draws=40), network, images, "0.2", stop=stop)
    assert torch.equal(whole.adversarial, parts.adversarial)
    assert torch.equal(whole.forwards, parts.forwards)


def test_a_lucky_draw_of_a_randomized_model_does_not_count(images: Tensor) -> None:
    """The clean image is right by three standard errors; asked often enough, some single answer is wrong."""

    def shaken(x: Tensor, noise: Noise) -> Tensor:
        return x + 0.1 * noise.stream("noise").normal(x.shape[1:])

    x = torch.full((64, 1, 1, 1), 0.5)
    aim = Aim(torch.ones(64, dtype=torch.int64))
    model = DefendedModel(Step(0.55), purify=shaken, randomized=True, votes=36)
    outcome = attack(RandomNoise(draws=160), model, x, "0.001", aim=aim)
    seen_wrong = 1 - (1 - 0.00135) ** 160
    assert seen_wrong > 0.19
    assert float(outcome.success.float().mean()) < 0.05
    # A confirmation is a query with all its votes, and is charged.
    assert int(outcome.forwards.max()) >= 160 * 36
