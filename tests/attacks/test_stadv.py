from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Stop
from attacks.stadv import FlowState, StAdv, bent, roughness, shortened
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import small_network


def drawn(*shape: int) -> Tensor:
    return Noise.of(0, range(shape[0])).uniform(shape[1:])


@pytest.mark.parametrize("size", [(12, 12), (7, 10)])
def test_no_flow_is_the_identity_and_a_whole_pixel_is_a_shift(size: tuple[int, int]) -> None:
    x = drawn(2, 3, *size)
    flow = torch.zeros(2, *size, 2)
    assert torch.allclose(bent(x, flow), x, atol=1e-5)
    flow[..., 0] = 1  # read one row further down
    assert torch.allclose(bent(x, flow)[:, :, :-1], x[:, :, 1:], atol=1e-5)
    assert torch.allclose(bent(x, flow)[:, :, -1], x[:, :, -1], atol=1e-5)  # the border repeats


def test_half_a_pixel_is_the_mean_of_two() -> None:
    x = drawn(2, 1, 6, 9)
    flow = torch.zeros(2, 6, 9, 2)
    flow[..., 1] = 0.5
    assert torch.allclose(bent(x, flow)[..., :-1], (x[..., 1:] + x[..., :-1]) / 2, atol=1e-5)


def test_roughness_is_the_sum_of_the_neighbours_distances() -> None:
    flow = torch.zeros(1, 3, 4, 2)
    flow[0, 1, 2] = torch.tensor([3.0, 4.0])  # 5 away from each of its four neighbours
    assert float(roughness(flow)) == pytest.approx(20, abs=1e-3)
    assert float(roughness(torch.full((1, 3, 4, 2), 7.0))) == pytest.approx(0, abs=1e-3)


def test_the_chain_rule_through_the_flow_is_a_finite_difference() -> None:
    clean, weight = drawn(2, 2, 6, 7).double(), drawn(2, 2, 6, 7).double()
    flow = 0.3 * Noise.of(1, range(2)).normal((6, 7, 2), dtype=torch.float64)
    direction = Noise.of(2, range(2)).normal((6, 7, 2), dtype=torch.float64)
    method = StAdv(smoothness=0.1)

    def gain(f: Tensor) -> Tensor:
        return (bent(clean, f) * weight).sum() - 0.1 * roughness(f).sum()

    slope = (method._through_the_flow(clean, flow, weight) * direction).sum()
    h = 1e-6
    assert float(slope) == pytest.approx(float((gain(flow + h * direction) - gain(flow - h * direction)) / (2 * h)))


def test_no_vector_of_the_flow_is_longer_than_epsilon(network: nn.Module, images: Tensor) -> None:
    longest: list[Tensor] = []

    class Watched(StAdv):
        def step(self, victim: Victim, state: FlowState, noise: Noise) -> FlowState:
            following = super().step(victim, state, noise)
            longest.append(following.flow.norm(dim=3).amax())
            assert torch.allclose(following.x, bent(victim.ball.center, following.flow), atol=1e-6)
            return following

    attack(Watched(steps=20, smoothness=0), network, images, "0.7", norm=Norm.SPATIAL, stop=Stop.NEVER)
    assert float(torch.stack(longest).max()) == pytest.approx(0.7, abs=1e-5)
    assert torch.equal(shortened(torch.zeros(1, 2, 2, 2), 0.7), torch.zeros(1, 2, 2, 2))


def test_pixels_keep_values_that_the_image_has(network: nn.Module, images: Tensor) -> None:
    outcome = attack(StAdv(steps=10), network, images, "3", norm=Norm.SPATIAL)
    assert bool((outcome.adversarial.amax((1, 2, 3)) <= images.amax((1, 2, 3)) + 1e-5).all())
    assert bool((outcome.adversarial.amin((1, 2, 3)) >= images.amin((1, 2, 3)) - 1e-5).all())


def test_it_breaks_a_trained_model_more_the_farther_pixels_may_move() -> None:
    images = grayscale().correct(40)
    x = images.floats()
    rates = [
        int(attack(StAdv(steps=20), grayscale().trained, x, e, norm=Norm.SPATIAL).success.sum())
        for e in ("0", "0.3", "1", "4")
    ]
    assert rates == sorted(rates)
    assert rates[0] == 0
    assert rates[-1] > 24
    assert StAdv().bound(Norm.SPATIAL, Epsilon.parse("2")).startswith("each pixel read at most 2 pixels")


def test_smoothness_costs_success_and_buys_smooth_flows() -> None:
    x = grayscale().correct(24).floats()
    flows = []

    class Watched(StAdv):
        def step(self, victim: Victim, state: FlowState, noise: Noise) -> FlowState:
            self.flow = super().step(victim, state, noise).flow
            return super().step(victim, state, noise)

    for smoothness in (0.0, 0.5):
        method = Watched(steps=15, smoothness=smoothness)
        attack(method, grayscale().trained, x, "1", norm=Norm.SPATIAL, stop=Stop.NEVER)
        flows.append(float(roughness(method.flow).mean()))
    assert flows[1] < 0.8 * flows[0]


@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(stop: Stop) -> None:
    network, x = small_network(channels=3, classes=3, size=(10, 16)), drawn(12, 3, 10, 16)
    whole = attack(StAdv(steps=8), network, x, "0.8", norm=Norm.SPATIAL, stop=stop)
    parts = in_two_parts(StAdv(steps=8), network, x, "0.8", norm=Norm.SPATIAL, stop=stop)
    assert torch.allclose(whole.adversarial, parts.adversarial, atol=1e-6)
    assert torch.equal(whole.forwards, parts.forwards)
