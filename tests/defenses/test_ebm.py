"""EBM purification: what holds whatever it has learned, and what a small training must reach."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import FitData
from defenses.ebm import EBMPurification
from defenses.energy.convergence import Convergence
from defenses.energy.negatives.persistent import Persistent

SMALL = {
    "features": 4,
    "iterations": 30,
    "batch_size": 8,
    "bank_size": 40,
    "training_steps": 5,
    "steps": 6,
    "long_run_images": 2,
}


def blobs(count: int, size: int = 12, channels: int = 1) -> LabeledImages:
    """Bright discs on black: images with the constant background that is hardest for an energy."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.arange(size)
    centre = torch.rand(count, 2, generator=generator) * size / 2 + size / 4
    distance = (grid[None, :, None] - centre[:, :1, None]) ** 2 + (grid[None, None, :] - centre[:, 1:, None]) ** 2
    pixels = (torch.exp(-distance / size) * 200).to(torch.uint8)[:, None].repeat(1, channels, 1, 1)
    return LabeledImages(pixels, torch.zeros(count, dtype=torch.int64), tuple(str(i) for i in range(count)))


def fit_data(images: LabeledImages, seed: int = 0) -> FitData:
    return FitData(images, images, classes=2, seed=seed, device=torch.device("cpu"), report=lambda *_: None)


def classifier(images: LabeledImages) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(images.pixels[0].numel(), 2))


def fitted(images: LabeledImages, seed: int = 0, **settings: object) -> EBMPurification:
    defense = EBMPurification(**{**SMALL, **settings})  # type: ignore[arg-type]
    defense.fit(classifier(images), fit_data(images, seed))
    return defense


@pytest.fixture(scope="module")
def trained() -> tuple[LabeledImages, EBMPurification]:
    images = blobs(128, size=28)
    return images, fitted(images, architecture="lite", features=16)


def test_an_image_does_not_depend_on_its_batch(trained: tuple[LabeledImages, EBMPurification]) -> None:
    images, defense = trained
    model = defense.defend(classifier(images))
    x, ids = images.floats(), images.index
    whole = model.purify(x, Noise.of(0, ids))
    in_sixteens = torch.cat([model.purify(x[i : i + 16], Noise.of(0, ids[i : i + 16])) for i in range(0, 128, 16)])
    assert torch.equal(whole, in_sixteens)
    rows = torch.tensor([100, 3, 77, 41, 5, 6, 120])
    assert torch.equal(whole[rows], model.purify(x[rows], Noise.of(0, ids[rows])))
    assert torch.equal(whole[rows[:1]], model.purify(x[rows[:1]], Noise.of(0, ids[rows[:1]])))


def test_decisions_do_not_depend_on_the_batch_either(trained: tuple[LabeledImages, EBMPurification]) -> None:
    images, defense = trained
    model = defense.defend(classifier(images))
    x, noise = images.floats(), Noise.of(0, images.index)
    assert torch.equal(model.decide(x, noise)[20:25], model.decide(x[20:25], noise[20:25]))


def test_the_same_noise_gives_the_same_image_and_another_draw_another(
    trained: tuple[LabeledImages, EBMPurification],
) -> None:
    images, defense = trained
    model = defense.defend(classifier(images))
    x = images.floats(slice(0, 8))
    noise = Noise.of(0, range(8))
    first = model.purify(x, noise)
    assert torch.equal(first, model.purify(x, noise))
    copies = model.purify(x.repeat_interleave(2, 0), noise.repeat(2))
    others = [noise.at(0), noise.at(7), noise.stream("verify"), noise.at(7).stream("verify"), noise[1:].at(7)]
    answers = [copies[::2], copies[1::2], *(model.purify(x[: len(other)], other) for other in others), first]
    assert all(not torch.equal(a[:7], b[:7]) for i, a in enumerate(answers) for b in answers[:i])
    assert 0 <= first.min() <= first.max() <= 1
    assert not torch.equal(first, x)


def test_no_steps_is_the_undefended_model_bit_for_bit(trained: tuple[LabeledImages, EBMPurification]) -> None:
    images, defense = trained
    undefended = classifier(images)
    idle = EBMPurification(**{**defense.settings(), "steps": 0})
    idle.weights_ = defense.weights_
    model = idle.defend(undefended)
    x = images.floats(slice(0, 20))
    assert torch.equal(model.purify(x, Noise.of(0, range(20))), x)
    assert model.purify_passes.forwards == model.purify_passes.backwards == 0


def test_passes_are_those_that_the_network_makes(trained: tuple[LabeledImages, EBMPurification]) -> None:
    images, defense = trained
    model = defense.defend(classifier(images))
    rows = {"forward": 0, "backward": 0}

    def forward(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows["forward"] += len(inputs[0])

    def backward(_module: nn.Module, _inputs: object, outputs: tuple[Tensor, ...]) -> None:
        rows["backward"] += len(outputs[0])

    model.networks[0].register_forward_pre_hook(forward)
    model.networks[0].register_full_backward_hook(backward)
    model.decide(images.floats(slice(0, 10)), Noise.of(0, range(10)))
    made = model.decision_passes
    assert rows["forward"] == 10 * (made.forwards - model.votes)  # the rest are the classifier's own
    assert rows["backward"] == 10 * made.backwards


def test_purification_leaves_nothing_behind(trained: tuple[LabeledImages, EBMPurification]) -> None:
    images, defense = trained
    model = defense.defend(classifier(images))
    x = images.floats(slice(0, 8)).requires_grad_()
    state = torch.get_rng_state()
    assert not model.purify(x, Noise.of(0, range(8))).requires_grad
    assert x.grad is None
    assert all(p.grad is None and not p.requires_grad for p in model.networks.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert not EBMPurification.differentiable
    assert EBMPurification.gradient_at_inference


def test_weights_alone_rebuild_the_defense(trained: tuple[LabeledImages, EBMPurification], tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    images, defense = trained
    save_file(defense.weights_, tmp_path / "weights.safetensors")
    other = EBMPurification(**defense.settings())
    other.weights_ = load_file(tmp_path / "weights.safetensors")
    x, noise = images.floats(slice(0, 16)), Noise.of(3, range(16))
    before, after = (d.defend(classifier(images)).decide(x, noise) for d in (defense, other))
    assert torch.equal(before, after)
    assert other.report == defense.report


def test_training_repeats_itself_and_follows_its_seed() -> None:
    images = blobs(60)
    one, two, three = fitted(images), fitted(images), fitted(images, seed=1)
    assert all(torch.equal(one.weights_[name], two.weights_[name]) for name in one.weights_)
    assert any(not torch.equal(one.weights_[name], three.weights_[name]) for name in one.weights_)


def test_training_ignores_labels_and_validation_images() -> None:
    images = blobs(60)
    relabeled = replace(images, labels=torch.ones_like(images.labels))
    one, two = (EBMPurification(**SMALL) for _ in range(2))  # type: ignore[arg-type]
    one.fit(classifier(images), fit_data(images))
    two.fit(classifier(images), replace(fit_data(relabeled), validation=blobs(5)))
    assert all(torch.equal(one.weights_[name], two.weights_[name]) for name in one.weights_)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("architecture", ["vanilla", "lite"])
def test_a_small_training_stays_finite_and_reports(architecture: str, channels: int) -> None:
    images = blobs(100, channels=channels)
    seen: list[float] = []
    data = replace(fit_data(images), report=lambda fraction, _text: seen.append(fraction))
    defense = EBMPurification(**{**SMALL, "architecture": architecture, "iterations": 40, "sgd_iterations": 10})  # type: ignore[arg-type]
    defense.fit(classifier(images), data)
    training = defense.report.training
    assert training.to_tensor().isfinite().all()
    assert 0 < training.drift_ratio < 1
    assert training.restarts == 0
    assert seen == sorted(seen)
    assert seen[-1] == 1


@pytest.mark.parametrize("negatives", ["persistent", "recovery"])
def test_a_trained_energy_prefers_training_images_to_noise(negatives: str) -> None:
    images = blobs(100)
    defense = fitted(images, iterations=150, features=8, negatives=negatives)
    network = defense.defend(classifier(images)).networks[0]
    x = images.floats() * 2 - 1
    noise = Noise.of(0, range(100)).normal(x.shape[1:])
    noisy = [network(x + sd * noise) for sd in (0.06, 0.3)]
    assert (noisy[1] > noisy[0]).float().mean() > 0.95


def test_purification_takes_noise_out_of_an_image() -> None:
    images = blobs(100)
    defense = fitted(images, iterations=150, learning_rate=3e-3, features=8, steps=30, training_steps=10)
    model = defense.defend(classifier(images))
    x = images.floats(slice(0, 30))
    noisy = (x + 0.15 * Noise.of(1, range(30)).stream("corruption").normal(x.shape[1:])).clamp(0, 1)
    purified = model.purify(noisy.repeat_interleave(4, 0), Noise.of(2, range(30)).repeat(4)).unflatten(0, (30, 4))
    assert (purified.mean(1) - x).square().mean() < 0.75 * (noisy - x).square().mean()


def test_divergence_is_an_error_with_advice_not_weights_of_nan() -> None:
    images = blobs(60)
    defense = EBMPurification(**{**SMALL, "learning_rate": 10.0, "langevin_epsilon": 0.5})  # type: ignore[arg-type]
    with pytest.raises(UserError, match="diverged") as error:
        defense.fit(classifier(images), fit_data(images))
    assert "learning_rate" in str(error.value)
    assert not defense.weights_


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"langevin_epsilon": 0.0}, "langevin_epsilon"),
        ({"temperature": -1.0}, "temperature"),
        ({"data_noise": 0.01}, "data_noise"),
        ({"bank_size": 4}, "bank_size"),
        ({"rejuvenation": 1.5}, "rejuvenation"),
        ({"steps": -1}, "steps"),
        ({"votes": 0}, "votes"),
        ({"iterations": 0}, "iterations"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: dict[str, float], message: str) -> None:
    images = blobs(10)
    with pytest.raises(UserError, match=message):
        EBMPurification(**{**SMALL, **setting}).fit(classifier(images), fit_data(images))  # type: ignore[arg-type]


def test_an_untrained_energy_is_refused() -> None:
    with pytest.raises(UserError, match="not trained"):
        EBMPurification().defend(nn.Flatten())


def test_a_bank_restarts_chains_at_training_images_as_often_as_asked() -> None:
    images = blobs(50)
    device = torch.device("cpu")
    bank = Persistent(images, size=2000, rejuvenation=0.25, generator=torch.Generator().manual_seed(0), device=device)
    states = bank.start(images.floats(torch.zeros(1000, dtype=torch.int64)), Noise.of(0, range(1000)))
    assert len(states) == 1000
    assert -1 <= states.min() <= states.max() <= 1
    bank.settle(torch.arange(1000.0).add(5)[:, None, None, None].expand_as(states))
    kept = (bank.states > 1).flatten(1).all(1)
    # Each chain was drawn once, and one that was not restarted is where it was put.
    assert len(bank.states[kept][:, 0, 0, 0].unique()) == int(kept.sum())
    assert abs(1000 - int(kept.sum()) - 250) < 5 * math.sqrt(1000 * 0.25 * 0.75)


def test_convergence_numbers_against_their_definitions() -> None:
    import numpy as np

    gaps = torch.randn(500, generator=torch.Generator().manual_seed(0)).cumsum(0)
    states = torch.tensor([0.0, 1.05, -1.2, 1.3])
    measured = Convergence.measure(gaps, torch.tensor([0.1, 0.3]), states, 2)
    series = gaps.double().numpy()
    assert measured.gap_mean == pytest.approx(series.mean())
    assert measured.gap_deviation == pytest.approx(series.std())
    for lag in (1, 7, 15):
        expected = np.corrcoef(series[lag:], series[:-lag])[0, 1]
        assert measured.gap_autocorrelation[lag - 1] == pytest.approx(expected, abs=0.08)
    assert len(measured.gap_autocorrelation) == 15
    assert measured.drift_ratio == pytest.approx(0.2)
    assert measured.outside == 0.5
    alternating = torch.tensor([1.0, -1.0] * 50)
    found = Convergence.measure(alternating, torch.ones(1), states, 0).gap_autocorrelation
    assert found[0] < -0.9
    assert found[1] > 0.9
    assert Convergence.from_tensor(measured.to_tensor()) == measured
    assert Convergence.measure(alternating[:1], torch.ones(1), states, 0).gap_autocorrelation == (0.0,) * 15
