from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor, nn

from attacks.base import Stop
from attacks.lbfgs import LBFGS
from attacks.objectives.aim import Aim
from attacks.searches.quasi_newton import minimize_in_box
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.testing.problem import grayscale
from tests.attacks.attacking import attack, in_two_parts
from tests.attacks.networks import Linear, decisions, small_network


def test_the_minimiser_agrees_with_scipy_on_quadratics_in_the_box() -> None:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(5, 12, 12))
    matrices = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(12)
    centers = rng.uniform(-0.5, 1.5, size=(5, 12))  # many minima lie outside the box
    matrix, center = torch.from_numpy(matrices), torch.from_numpy(centers)

    def function(x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        pull = torch.einsum("bij,bj->bi", matrix[which], x - center[which])
        return 0.5 * ((x - center[which]) * pull).sum(1), pull

    ours = minimize_in_box(function, torch.full((5, 12), 0.5, dtype=torch.float64), evaluations=200).numpy()
    for i in range(5):
        reference = minimize(
            lambda x, i=i: 0.5 * (x - centers[i]) @ matrices[i] @ (x - centers[i]),
            np.full(12, 0.5),
            jac=lambda x, i=i: matrices[i] @ (x - centers[i]),
            bounds=[(0, 1)] * 12,
            method="L-BFGS-B",
            options={"ftol": 1e-15, "gtol": 1e-10},
        )
        value = 0.5 * (ours[i] - centers[i]) @ matrices[i] @ (ours[i] - centers[i])
        assert value <= reference.fun * (1 + 1e-4) + 1e-8


def test_the_minimiser_follows_a_curved_valley_in_few_evaluations() -> None:
    """Rosenbrock, scaled into the box: gradient descent would need thousands of steps."""
    asked: list[int] = []

    def function(x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(len(which))
        points = (4 * x - 2).numpy()
        value = np.array([rosen(p) for p in points])
        slope = np.array([4 * rosen_der(p) for p in points])
        return torch.from_numpy(value), torch.from_numpy(slope)

    start = torch.tensor([[0.2, 0.8], [0.7, 0.1], [0.75, 0.75]], dtype=torch.float64)
    found = minimize_in_box(function, start, evaluations=120)
    assert torch.allclose(found, torch.full_like(found, 0.75), atol=1e-3)
    # The third starts in the minimum and is asked about once.
    assert asked[0] == 3
    assert max(asked[1:]) == 2


@pytest.mark.parametrize("classes_first", [True, False])
def test_on_a_linear_model_it_finds_the_distance_to_the_plane(classes_first: bool) -> None:
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    x = 0.5 + 0.02 * Noise.of(1, range(24)).normal((1, 12, 12))
    bias = -float((0.5 * weight).sum()) + (0.8 if classes_first else -0.8)
    model = Linear(weight, bias=bias)
    exact = model(x)[:, 1].detach().abs() / weight.norm()
    outcome = attack(LBFGS(), model, x, "1", norm=Norm.L2, stop=Stop.NEVER)
    assert bool(outcome.success.all())
    ratio = (outcome.adversarial - x).flatten(1).norm(dim=1) / exact
    assert float(ratio.max()) < 1.01
    assert float(ratio.min()) > 0.999


def test_the_box_is_part_of_the_problem() -> None:
    """Half of the pixels cannot move where the plane lies; the nearest point then costs √2 as much."""
    weight = torch.ones(1, 12, 12)
    x = torch.full((8, 1, 12, 12), 0.5)
    x[:, :, :6] = 0.0
    model = Linear(-weight, bias=float(x[0].sum()) - 1.44)  # class 0 until the sum falls by 1.44
    outcome = attack(LBFGS(), model, x, "2", norm=Norm.L2, stop=Stop.NEVER)
    assert bool(outcome.success.all())
    distance = (outcome.adversarial - x).flatten(1).norm(dim=1)
    assert torch.allclose(distance, torch.full_like(distance, 1.44 / 72**0.5), rtol=0.01)
    assert float(outcome.adversarial.min()) >= 0


def test_an_image_beyond_the_bound_counts_as_standing(network: nn.Module, images: Tensor) -> None:
    free = attack(LBFGS(), network, images, "100", norm=Norm.L2, stop=Stop.NEVER)
    assert bool(free.success.all())
    distance = (free.adversarial - images).flatten(1).norm(dim=1)
    middle = float(distance.median())
    bounded = attack(LBFGS(), network, images, middle, norm=Norm.L2)
    clear = (distance / middle - 1).abs() > 0.02
    assert torch.equal(bounded.success[clear], (distance < middle)[clear])
    assert torch.equal(bounded.adversarial[~bounded.success], images[~bounded.success])


def test_its_distances_are_as_small_as_foolbox_finds_by_ddn() -> None:
    import foolbox

    images = grayscale().correct(24)
    x, model = images.floats(), grayscale().classifier()
    ours = attack(LBFGS(), model, x, "100", norm=Norm.L2, aim=Aim(images.labels), stop=Stop.NEVER)
    with torch.random.fork_rng(devices=[]):
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        _, theirs, _ = foolbox.attacks.DDNAttack(steps=100)(wrapped, x, images.labels, epsilons=None)
    assert bool(ours.success.all())
    distances = [(found - x).flatten(1).norm(dim=1).median() for found in (ours.adversarial, theirs)]
    assert float(distances[0]) <= 1.05 * float(distances[1])


def test_any_wrong_class_counts_and_a_target_is_reached(images: Tensor) -> None:
    network = small_network(classes=4)
    labels = decisions(network, images)
    free = attack(LBFGS(), network, images, "100", norm=Norm.L2, stop=Stop.NEVER)
    assert bool((free.logits.argmax(1) != labels).all())
    targets = network(images).detach().argsort(1)[:, 0]
    aimed = attack(LBFGS(), network, images, "100", norm=Norm.L2, aim=Aim(labels, targets), stop=Stop.NEVER)
    assert torch.equal(aimed.logits.argmax(1)[aimed.success], targets[aimed.success])
    assert float(aimed.success.float().mean()) > 0.9
    near, far = ((o.adversarial - images).flatten(1).norm(dim=1)[aimed.success] for o in (free, aimed))
    assert bool((near <= far * 1.02).all())


def test_passes_are_counted_and_stopping_saves_them(images: Tensor, network: nn.Module) -> None:
    method = LBFGS(searches=4, evaluations=6)
    outcome = attack(method, network, images, "100", norm=Norm.L2, stop=Stop.NEVER)
    assert int(outcome.backwards.max()) <= 4 * 6
    # One look for the likeliest class and one after each search.
    assert torch.equal(outcome.forwards, outcome.backwards + 5)
    early = attack(method, network, images, "100", norm=Norm.L2)
    assert bool(early.success.all())
    assert bool((early.backwards < outcome.backwards).all())


@pytest.mark.parametrize("stop", list(Stop))
def test_two_batches_give_what_one_gives(stop: Stop, images: Tensor) -> None:
    network, method = small_network(classes=3), LBFGS(searches=6, evaluations=10)
    whole = attack(method, network, images, "0.5", norm=Norm.L2, stop=stop)
    parts = in_two_parts(method, network, images, "0.5", norm=Norm.L2, stop=stop)
    assert torch.allclose(whole.adversarial, parts.adversarial, atol=1e-6)
    assert torch.equal(whole.forwards, parts.forwards)


def test_success_never_falls_when_the_bound_grows(network: nn.Module, images: Tensor) -> None:
    counts = [
        int(attack(LBFGS(searches=8), network, images, e, norm=Norm.L2).success.sum()) for e in ("0", ".05", ".3", "9")
    ]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 24


def test_a_randomized_model_is_searched_with_fixed_draws(network: nn.Module, images: Tensor) -> None:
    model = DefendedModel(
        network, purify=lambda x, n: x + 0.02 * n.stream("noise").normal(x.shape[1:]), randomized=True, votes=4
    )
    outcome = attack(LBFGS(searches=6), model, images, "3", norm=Norm.L2, aim=Aim(decisions(network, images)))
    assert float(outcome.success.float().mean()) > 0.9
