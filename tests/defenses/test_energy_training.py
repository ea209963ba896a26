"""How energies are trained: where negative samples start, how rates fall, and what follows when one diverges."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.conventions import Convention, energy_factor
from defenses.energy.langevin import langevin_chain, langevin_step
from defenses.energy.negatives.choice import negatives_of
from defenses.energy.negatives.recovery import Recovery
from defenses.energy.network import EnergyNetwork
from defenses.energy.recipe import EnergyRecipe
from defenses.energy.training import ATTEMPTS, train_energy

RECIPE = EnergyRecipe(
    steps=4,
    step=0.03,
    temperature=4.5e-4,
    data_noise=0.06,
    negatives="persistent",
    bank_size=64,
    rejuvenation=0.05,
    batch_size=16,
    iterations=120,
    learning_rate=1e-3,
    decay=0.5,
    rate_drops=0,
    sgd_iterations=0,
    sgd_learning_rate=1e-4,
    averaging=0.0,
)
CPU = torch.device("cpu")


def bars(count: int = 64) -> LabeledImages:
    pixels = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    for number in range(count):
        pixels[number, 0, number % 8] = 220
    return LabeledImages(pixels, torch.zeros(count, dtype=torch.int64), tuple(map(str, range(count))))


def network(architecture: str = "lite") -> EnergyNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EnergyNetwork(architecture=architecture, shape=(1, 8, 8), features=4, activation="soft-leaky-relu")


def silent(_part: float, _note: str) -> None:
    pass


@pytest.mark.parametrize("of", Convention)
@pytest.mark.parametrize("to", Convention)
def test_an_energy_makes_the_same_steps_in_every_convention(of: Convention, to: Convention) -> None:
    # ε and T are powers of two, so that every scaling is exact and results can be compared bit for bit.
    epsilon, temperature = 2.0**-6, 2.0**-9
    energy = network()
    noise = Noise.of(0, range(8))
    x, z = noise.stream("x").uniform((1, 8, 8)) * 2 - 1, noise.normal((1, 8, 8))

    def step(convention: Convention, factor: float) -> Tensor:
        """A step as the convention's papers write it."""
        at = x.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad((factor * energy(at)).sum(), at)
        if convention is Convention.UNIT:
            return x - gradient + epsilon * z
        if convention is Convention.TEXTBOOK:
            return x - epsilon**2 / 2 * gradient + epsilon * z
        return x - epsilon**2 / (2 * temperature) * gradient + epsilon * z

    factor = energy_factor(of, to, epsilon=epsilon, temperature=temperature)
    assert torch.equal(step(of, 1.0), step(to, factor))
    if of is Convention.TEMPERATURE:
        assert torch.equal(step(to, factor), langevin_step(energy, x, epsilon, temperature, z))


def test_factors_are_those_that_papers_name() -> None:
    factor = energy_factor(Convention.UNIT, Convention.TEXTBOOK, epsilon=0.01, temperature=1.0)
    assert factor == pytest.approx(2 / 0.01**2)
    at_its_own = energy_factor(Convention.UNIT, Convention.TEMPERATURE, epsilon=0.01, temperature=0.01**2 / 2)
    assert at_its_own == 1.0
    assert energy_factor(Convention.TEXTBOOK, Convention.TEMPERATURE, epsilon=0.01, temperature=1e-4) == pytest.approx(
        1e-4
    )


def test_chains_start_where_their_names_say() -> None:
    train, noise = bars(), Noise.of(0, range(16))
    images = train.floats(slice(0, 16)) * 2 - 1 + 0.06 * noise.stream("data").normal((1, 8, 8))

    def made(name: str):  # type: ignore[no-untyped-def]
        recipe = replace(RECIPE, negatives=name)
        return negatives_of(recipe, train, seed=0, generator=torch.Generator().manual_seed(0), device=CPU)

    starts = {
        name: made(name).start(images, noise)
        for name in ("contrastive-divergence", "persistent", "short-run", "cooperative")
    }
    assert all(states.shape == images.shape for states in starts.values())
    assert torch.equal(starts["contrastive-divergence"], images)
    known = train.floats() * 2 - 1
    assert all((state == known).flatten(1).all(1).any() for state in starts["persistent"])
    uniform = starts["short-run"]
    assert uniform.abs().max() <= 1
    assert uniform.std() == pytest.approx(1 / math.sqrt(3), abs=0.03)
    assert starts["cooperative"].abs().max() <= 1
    assert starts["cooperative"].std(0).mean() > 0, "it proposes one image for all latent vectors"


@pytest.mark.parametrize("stiffness", [0.0, 0.5])
def test_recovery_samples_the_images_that_a_noisy_copy_may_come_from(stiffness: float) -> None:
    # With F = s x² / 2 the conditional density is Gaussian: its precision is s / T + 1 / σ², its mean y / σ² over that.
    epsilon, temperature = 0.1, 0.02
    rows, noise = 60, Noise.of(0, range(60))
    images = noise.stream("images").uniform((1, 16, 16)) * 2 - 1
    negatives = Recovery(step=epsilon, temperature=temperature)
    noisy = negatives.start(images, noise)
    spread = (noisy - images).flatten(1).std(1)
    level = (spread[:, None] - negatives.deviations).abs().argmin(1)
    sigma = negatives.deviations[level]
    assert negatives.deviations.tolist() == pytest.approx([0.2, math.sqrt(0.2 * 0.5), 0.5])
    torch.testing.assert_close(spread / sigma, torch.ones(rows), atol=5 / math.sqrt(2 * 256), rtol=0)
    assert level.bincount(minlength=3).min() > 8

    energy = negatives.followed(lambda x: stiffness / 2 * x.flatten(1).square().sum(1))
    chains = noise.stream("chains")
    end = langevin_chain(energy, noisy, chains, steps=250, step=epsilon, temperature=temperature)
    precision = stiffness / temperature + 1 / sigma**2
    mean = noisy * (1 / sigma**2 / precision)[:, None, None, None]
    # Steps of finite length widen it: see `defenses.energy.langevin`.
    deviation = (1 / precision / (1 - epsilon**2 / 4 * precision)).sqrt()
    standard = (end - mean) / deviation[:, None, None, None]
    for number in range(3):
        chosen, pixels = standard[level == number], noisy[level == number]
        size = chosen.numel()
        assert abs(chosen.square().mean() - 1) < 4.5 * math.sqrt(2 / size)
        # No part of the copy is left that the mean does not have, nor any shift.
        assert abs((chosen * pixels).sum() / pixels.norm()) < 4.5
        assert abs(chosen.mean()) < 4.5 / math.sqrt(size)


def test_recovery_with_long_steps_has_no_level_below_two_of_them() -> None:
    assert Recovery(step=0.4, temperature=0.1).deviations.tolist() == pytest.approx([0.8] * 3)


def test_the_generator_comes_to_propose_what_the_chains_make_of_its_proposals() -> None:
    negatives = negatives_of(
        replace(RECIPE, negatives="cooperative"), bars(), seed=0, generator=torch.Generator(), device=CPU
    )
    noise, refined = Noise.of(0, range(16)), torch.full((16, 1, 8, 8), 0.5)
    distances = []
    for update in range(60):
        distances.append(float((negatives.start(refined, noise.at(update)) - refined).square().mean()))
        negatives.settle(refined)
    assert distances[-1] < 0.1 * distances[0]
    assert torch.equal(negatives.states, refined)


@pytest.mark.parametrize("negatives", ["contrastive-divergence", "persistent", "short-run", "cooperative", "recovery"])
def test_every_kind_of_negatives_trains_and_repeats_itself(negatives: str) -> None:
    recipe, ends = replace(RECIPE, negatives=negatives, iterations=20, sgd_iterations=5), []
    for _ in range(2):
        energy = network()
        measured = train_energy(energy, bars(), recipe, seed=3, report=silent)
        assert measured.to_tensor().isfinite().all()
        ends.append(torch.cat([p.flatten() for p in energy.parameters()]))
    assert torch.equal(*ends)
    assert not torch.equal(ends[0], torch.cat([p.flatten() for p in network().parameters()]))


def test_a_residual_network_trains() -> None:
    energy = network("residual")
    measured = train_energy(energy, bars(), replace(RECIPE, iterations=8), seed=0, report=silent)
    assert measured.to_tensor().isfinite().all()


def test_rates_fall_as_the_recipe_says() -> None:
    linear = replace(RECIPE, iterations=100, learning_rate=1.0, decay=0.5, sgd_iterations=10, sgd_learning_rate=0.3)
    assert [linear.rate(i) for i in (0, 50, 75, 99, 100, 109)] == pytest.approx([1, 1, 0.5, 0.02, 0.3, 0.3])
    # Hill et al. 2022: a tenth at 50, 75, 100 and 125 thousand of 150 thousand updates.
    drops = replace(linear, iterations=150_000, decay=2 / 3 + 1e-12, rate_drops=4)
    rates = [drops.rate(1000 * i) for i in (0, 49, 51, 74, 76, 99, 101, 124, 126, 149)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])


def test_averaged_weights_are_the_mean_of_those_of_the_updates() -> None:
    class Constant(nn.Module):
        """E = w Σ x: its gradient in w is the gap of the sums, whatever w is."""

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.w * x.flatten(1).sum(1)

    # With n updates of descent, Adam's first excepted, the mean of the weights lags behind the weights.
    recipe = replace(RECIPE, iterations=1, sgd_iterations=9, negatives="short-run")
    last, mean = Constant(), Constant()
    train_energy(last, bars(), recipe, seed=0, report=silent)
    train_energy(mean, bars(), replace(recipe, averaging=0.5), seed=0, report=silent)
    path = []
    for updates in range(1, 11):
        part = Constant()
        train_energy(part, bars(), replace(recipe, sgd_iterations=updates - 1), seed=0, report=silent)
        path.append(part.w.detach())
    expected = path[0]
    for weight in path[1:]:
        expected = 0.5 * expected + 0.5 * weight
    assert torch.equal(path[-1], last.w.detach())
    torch.testing.assert_close(mean.w.detach(), expected)
    assert not torch.equal(mean.w, last.w)


class Brittle(nn.Module):
    """An energy that is none any more once its weights have moved a certain way."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.inner, self.limit = network(), limit
        self.start = [p.detach().clone() for p in self.inner.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.inner.parameters(), self.start, strict=True)
        moved = torch.stack([(p.detach() - before).abs().max() for p, before in pairs]).max()
        return self.inner(x) * (1.0 if moved < self.limit else math.nan)


def test_a_training_that_diverges_goes_on_slower_from_where_it_was_well() -> None:
    # Adam moves a weight by its rate at each update: at full rate the limit is passed, at a quarter it is not.
    energy = Brittle(limit=0.065)
    seen: list[str] = []
    recipe = replace(RECIPE, iterations=240, decay=0.0)
    measured = train_energy(energy, bars(), recipe, seed=0, report=lambda _part, note: seen.append(note))
    assert 1 <= measured.restarts < ATTEMPTS
    assert measured.to_tensor().isfinite().all()
    assert all(p.isfinite().all() for p in energy.parameters())
    assert any("diverged in update" in note and "0.5 of the rate" in note for note in seen)
    assert f"went back {measured.restarts} ×" in seen[-1]


def test_a_training_that_goes_on_diverging_is_told_in_words() -> None:
    with pytest.raises(UserError, match=f"diverged {ATTEMPTS} times") as error:
        train_energy(Brittle(limit=0.0), bars(), RECIPE, seed=0, report=silent)
    assert "learning_rate" in error.value.remedy
