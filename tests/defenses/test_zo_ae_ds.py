"""ZO-AE-DS as a defense: fitted by queries alone, the same every time, and open to white-box attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.zeroth_order.black_box import BlackBox
from defenses.zeroth_order.checkpoint import Checkpoint
from defenses.zeroth_order.estimators import Loss, random_gradient_estimate, unit_sphere
from defenses.zeroth_order.purifier import Purifier
from defenses.zeroth_order.stability import StabilityObjective, balanced_weights, disagreement, fit_stability
from defenses.zo_ae_ds import ZOAEDS

SMALL: dict[str, Any] = {
    "width": 8, "depth": 2, "latent": 32, "denoiser_epochs": 1, "autoencoder_epochs": 2, "steps": 8, "directions": 4,
}  # fmt: skip


class BrighterSide(nn.Module):
    """Names the brighter half of the image, computed by numpy: no gradient can come out of it."""

    def forward(self, x: Tensor) -> Tensor:
        pixels = x.detach().numpy()
        half = pixels.shape[3] // 2
        sides = [pixels[..., :half].mean((1, 2, 3)), pixels[..., half:].mean((1, 2, 3))]
        return torch.from_numpy(20 * np.stack(sides, 1))


class Refusing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("the classifier was asked")


def samples(count: int, shape: tuple[int, int, int] = (1, 16, 12), seed: int = 0) -> LabeledImages:
    """Smooth random images; two thirds are brighter on the right."""
    channels, height, width = shape
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 3, 3, generator=generator)
    x = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    labels = torch.arange(count) % 3 != 0
    x[labels, :, :, width // 2 :] += 0.2
    pixels = (x / 1.2 * 255).to(torch.uint8)
    return LabeledImages(pixels, labels.long(), tuple(str(i) for i in range(count)))


def fit_data(shape: tuple[int, int, int] = (1, 16, 12), seed: int = 0, count: int = 200) -> FitData:
    return FitData(
        train=samples(count, shape),
        validation=samples(60, shape, seed=1),
        classes=2,
        seed=seed,
        device=torch.device("cpu"),
        report=lambda _done, _text: None,
    )


def fitted(**settings: Any) -> ZOAEDS:
    defense = ZOAEDS(**{**SMALL, **settings})
    defense.fit(BrighterSide(), fit_data())
    return defense


@pytest.fixture(scope="module")
def defense() -> ZOAEDS:
    return fitted()


def test_fitting_twice_gives_the_same_bits_whatever_the_global_random_state(defense: ZOAEDS) -> None:
    torch.rand(7)
    before = torch.random.get_rng_state()
    again = fitted()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert again.weights_.keys() == defense.weights_.keys()
    assert all(torch.equal(value, again.weights_[name]) for name, value in defense.weights_.items())
    other = ZOAEDS(**SMALL)
    other.fit(BrighterSide(), fit_data(seed=1))
    assert any(not torch.equal(value, other.weights_[name]) for name, value in defense.weights_.items())


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    data = fit_data()
    object.__setattr__(data, "report", lambda done, _text: seen.append(done))
    ZOAEDS(**SMALL).fit(BrighterSide(), data)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize(("estimator", "a_point"), [("rge", 4 + 1), ("cge", 2 * 48)])
def test_every_query_of_the_fit_is_counted(estimator: str, a_point: int) -> None:
    asked = 0

    class Counting(BrighterSide):
        def forward(self, x: Tensor) -> Tensor:
            nonlocal asked
            asked += len(x)
            assert not torch.is_grad_enabled()
            return super().forward(x)

    defense = ZOAEDS(**{**SMALL, "estimator": estimator, "steps": 8, "latent": 48})
    defense.fit(Counting(), fit_data())
    # Own labels of 200 + 60 images, 8 steps of 64 images, and 60 validation images 4 times before and after each step.
    assert asked == defense.queries_ == 260 + 8 * 64 * a_point + 9 * 60 * 4


def test_without_a_stability_term_the_classifier_is_never_asked() -> None:
    defense = ZOAEDS(**{**SMALL, "gamma": 0.0})
    defense.fit(Refusing(), fit_data())
    assert defense.queries_ == 0


def test_queries_train_denoiser_and_encoder_and_leave_the_decoder() -> None:
    before, after = fitted(steps=0), fitted(steps=40, denoising=0.0, directions=10)
    changed = {
        name.split(".")[0] for name, value in before.weights_.items() if not torch.equal(value, after.weights_[name])
    }
    assert changed == {"denoiser", "encoder"}


def test_queries_repair_a_damaged_encoder() -> None:
    data, black_box = fit_data(), BlackBox(BrighterSide())
    targets = black_box.labels(data.validation, data.device)
    purifier = fitted(steps=0, autoencoder_epochs=20).defend(BrighterSide()).networks[0]
    assert isinstance(purifier, Purifier)
    purifier.requires_grad_(True)
    with torch.no_grad():
        *_, bias = purifier.encoder.parameters()
        bias.add_(2 * torch.randn(bias.shape, generator=torch.Generator().manual_seed(0)))
    damaged = disagreement(purifier, black_box, 0.1, targets, data)

    def estimate(loss: Loss, points: Tensor, noise: Noise) -> Tensor:
        return random_gradient_estimate(loss, points, unit_sphere(noise.normal((20, points.shape[1]))), 0.005)

    objective = StabilityObjective(sigma=0.1, gamma=1.0, denoising=0.0, estimate=estimate)
    repaired = fit_stability(
        purifier, black_box, objective, data, steps=70, learning_rate=0.01, report=lambda _done: None
    )
    assert repaired == disagreement(purifier, black_box, 0.1, targets, data)
    assert damaged > 0.35
    assert repaired < 0.15


def test_rescored_weights_from_a_file_defend_alike(defense: ZOAEDS, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file(defense.weights_, tmp_path / "weights.safetensors")
    loaded = ZOAEDS(**SMALL)
    loaded.weights_ = load_file(tmp_path / "weights.safetensors")
    x, noise = samples(20, seed=2).floats(), Noise.of(3, range(20))
    assert torch.equal(loaded.defend(BrighterSide()).decide(x, noise), defense.defend(BrighterSide()).decide(x, noise))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 30, 22)])
def test_an_image_is_purified_alike_in_any_batch(shape: tuple[int, int, int]) -> None:
    defense = ZOAEDS(width=32, depth=4, denoiser_epochs=0, autoencoder_epochs=0, steps=0)
    defense.fit(Refusing(), fit_data(shape, count=64))
    model = defense.defend(nn.Flatten())
    x, noise = samples(67, shape, seed=2).floats(), Noise.of(4, range(67))
    whole = model.purify(x, noise)
    for rows in (
        torch.arange(8),
        torch.tensor([66, 3, 3, 41, 5, 60, 7, 8, 9, 10, 20]),
        torch.arange(20, 52),
        torch.tensor([5]),
    ):
        assert torch.equal(model.purify(x[rows], noise[rows]), whole[rows])


def test_the_noise_decides_and_nothing_else_is_random(defense: ZOAEDS) -> None:
    model = defense.defend(nn.Flatten())
    x, noise = samples(10, seed=2).floats(), Noise.of(5, range(10))
    first = model.purify(x, noise)
    assert torch.equal(model.purify(x, noise), first)
    assert not torch.equal(model.purify(x, noise.at(1)), first)
    assert not torch.equal(model.purify(x, Noise.of(6, range(10))), first)
    copies = model.purify(x[:1].expand(8, -1, -1, -1), noise[:1].repeat(8))
    assert copies.flatten(1).unique(dim=0).shape[0] == 8
    assert 0 <= first.min() <= first.max() <= 1


def test_noise_has_the_stated_standard_deviation_not_variance(defense: ZOAEDS) -> None:
    """Networks that pass a smoothed image through would show σ; here it is read off what enters them."""
    model = defense.defend(nn.Flatten())
    entered: list[Tensor] = []
    model.networks[0].register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0]))
    x = torch.full((500, 1, 16, 12), 0.5)
    model.purify(x, Noise.of(7, range(500)))
    assert (entered[0] - x).std() == pytest.approx(defense.sigma, rel=0.01)
    assert (entered[0] - x).mean().abs() < 4 * defense.sigma / (500 * 16 * 12) ** 0.5


def test_without_noise_the_autoencoder_is_deterministic(defense: ZOAEDS) -> None:
    silent = ZOAEDS(**{**SMALL, "sigma": 0.0})
    silent.weights_ = defense.weights_
    x = samples(10, seed=2).floats()
    model = silent.defend(nn.Flatten())
    assert torch.equal(model.purify(x, Noise.of(0, range(10))), model.purify(x, Noise.of(1, range(10))))


def test_the_gradient_through_purify_is_the_true_one(defense: ZOAEDS) -> None:
    assert ZOAEDS.differentiable
    assert ZOAEDS.randomized
    assert ZOAEDS.purifier
    assert ZOAEDS.query_only
    model = defense.defend(nn.Flatten()).double()
    noise = Noise.of(8, range(9))
    x = samples(9, seed=2).floats().double().requires_grad_()
    weight = torch.randn(1, 16, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((model.purify(x, noise) * weight).sum(), x)
    assert all(p.grad is None for p in model.parameters())
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        step = 1e-7 * direction
        difference = ((model.purify(x + step, noise) - model.purify(x - step, noise)) * weight).sum((1, 2, 3)) / 2e-7
    along = (gradient * direction).sum((1, 2, 3))
    assert torch.allclose(difference, along, rtol=1e-4, atol=1e-6)
    assert along.abs().min() > 0


def test_balanced_weights_count_every_named_class_alike() -> None:
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 2, 2])
    weights = balanced_weights(labels, 4)
    assert torch.allclose(weights, torch.tensor([8 / 12, 0, 2.0, 0]))
    assert weights[labels].mean() == pytest.approx(1)


def test_a_checkpoint_keeps_the_lowest_finite_loss() -> None:
    network = nn.Linear(1, 1)
    kept = Checkpoint(network)
    for value, loss in enumerate([3.0, 1.0, 2.0, float("nan")]):
        nn.init.constant_(network.weight, value)
        kept.offer(loss)
    kept.restore()
    assert network.weight.item() == 1
    assert kept.loss == 1


def test_weights_that_diverged_agree_with_nothing(defense: ZOAEDS) -> None:
    data, black_box = fit_data(), BlackBox(BrighterSide())
    targets = black_box.labels(data.validation, data.device)
    purifier = defense.defend(BrighterSide()).networks[0]
    assert isinstance(purifier, Purifier)
    nn.init.constant_(next(purifier.encoder.parameters()), float("nan"))
    assert disagreement(purifier, black_box, 0.1, targets, data) == pytest.approx(1)


def test_defending_without_weights_is_refused() -> None:
    with pytest.raises(UserError, match="no weights"):
        ZOAEDS().defend(nn.Flatten())


def test_images_of_another_shape_are_refused(defense: ZOAEDS) -> None:
    with pytest.raises(UserError, match="is expected"):
        defense.defend(nn.Flatten()).purify(torch.rand(8, 1, 12, 16), Noise.of(0, range(8)))


def test_fitting_without_images_is_refused() -> None:
    data = fit_data()
    empty = data.validation[torch.zeros(len(data.validation), dtype=torch.bool)]
    object.__setattr__(data, "validation", empty)
    with pytest.raises(UserError, match="validation"):
        ZOAEDS(**SMALL).fit(BrighterSide(), data)


@pytest.mark.parametrize(
    "settings",
    [
        {"sigma": -0.1},
        {"sigma": float("nan")},
        {"mu": 0},
        {"gamma": "1"},
        {"estimator": "rgb"},
        {"directions": 0},
        {"latent": 1.5},
        {"depth": 1},
        {"votes": 0},
        {"decision_rule": "majority"},
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings: dict[str, Any]) -> None:
    (key,) = settings
    with pytest.raises(UserError, match=key):
        ZOAEDS(**{**SMALL, **settings}).fit(Refusing(), fit_data())
